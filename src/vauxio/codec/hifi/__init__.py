"""The transform codec ``hifi-48k``: from samples to the payload of a block, and back.

``coder`` is the door. Nothing here knows of files.
"""
