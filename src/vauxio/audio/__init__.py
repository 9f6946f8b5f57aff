"""Recordings in and out: samples, sample rates, formats, tags. No networks, no `.vx` files."""
