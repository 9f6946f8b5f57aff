"""The bytes of a `.vx` file: header, chunks, blocks, index, tags. No audio, no networks.

``docs/format.md`` is the specification; this package keeps to it.
"""

from .block import Block
from .header import Header
from .metadata import Foreign, Picture
from .reader import Reader
from .writer import Writer

__all__ = ["Block", "Foreign", "Header", "Picture", "Reader", "Writer"]
