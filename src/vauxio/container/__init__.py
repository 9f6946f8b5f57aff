"""The bytes of a `.vx` file: header, chunks, blocks, index, tags. No audio, no networks.

``docs/format.md`` is the specification. `Reader` and `Writer` are all that others need.

- ``chunks``: numbers, and chunks with a length and a checksum
- ``header``, ``metadata``, ``block``, ``index``: what the kinds of chunks hold, and their limits
- ``reader``, ``writer``, ``source``: whole files, with seeking or from a pipe
- ``retag``: new tags for a file, in place
"""

from .block import Block
from .header import Header
from .metadata import Foreign, Picture
from .reader import Reader
from .writer import Writer

__all__ = ["Block", "Foreign", "Header", "Picture", "Reader", "Writer"]
