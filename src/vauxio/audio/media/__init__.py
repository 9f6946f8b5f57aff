"""Recordings that libsndfile does not read: AAC, WMA, WavPack, ALAC, the sound of films, ...

They are decoded by PyAV, which holds FFmpeg's libraries, or by the ``ffmpeg`` command.

- ``kinds``: which format a file has, by how it begins
- ``structure``: whether it is all there, and how many frames exactly
- ``reader``: the recording as `recording.Recording` reads it
- ``pyav``, ``ffmpeg``: the two ways to decode it
"""
