"""Tags and pictures of recordings, from and to the ways in which audio formats keep them.

In a ``.vx`` file a tag is a key and a text. Keys are those of Vorbis comments in lower case:
``title``, ``artist``, ``album``, ``date``, ``tracknumber``, ``comment``, ``lyrics``,
``replaygain_track_gain`` and so on. Several values of one key are lines of one text. What no tag
can hold is kept as it is, see `audio.foreign`.

- ``reading``, ``writing``: the tags of a file of any format
- ``vorbis``, ``id3``, ``ape``, ``mp4``, ``asf``: one kind of tags each
- ``libsndfile``, ``ffmpeg``: tags that only these libraries read
- ``collection``: what was found, within the limits of ``.vx`` files
- ``keys``: names of tags, and how several values become one text

mutagen reads and writes most formats. It is imported when needed. No audio is decoded here.
"""

from .collection import Tags
from .keys import joined, separated
from .reading import read_tags
from .writing import write_tags

__all__ = ["Tags", "joined", "read_tags", "separated", "write_tags"]
