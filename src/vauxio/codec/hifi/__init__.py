"""The transform codec ``hifi-48k``: from samples to the payload of a block, and back.

Begin with ``coder``. Nothing here knows of files.
"""
