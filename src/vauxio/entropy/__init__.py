"""Codes to bits and back: range coder, exact integer models, bit allocation. No audio, no files."""
