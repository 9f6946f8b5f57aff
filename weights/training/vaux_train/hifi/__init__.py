"""The tables of the transform codec: what coding a corpus shows, and networks fitted to it."""
