"""One open `.vx` file, and the functions that mirror soundfile. Not many files, no terminal.

- ``functions``: `read`, `write` and the like, thin wrappers over `vauxfile.VauxFile`
- ``reading``, ``writing``: what `VauxFile` does with a file that is read, or written
- ``frames``, ``transform``: frames from codes, or from payloads of a transform codec
- ``block_reader``, ``block_decoder``: which block has a token, and what a block holds
- ``block_writer``, ``coder_choice``: codes to blocks, with the best entropy coder
- ``together``: short files whose codes are decoded in the same steps
- ``codes``: codes out of files and into files, without decoding
- ``info``, ``damage``, ``notebook``: what is said of a file
"""
