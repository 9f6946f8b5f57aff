"""Samples to codes and back: signals, streams, loss, noise, bandwidth. No files."""
