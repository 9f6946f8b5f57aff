"""The transform codec ``hifi-48k``: from samples to the payload of a block, and back.

``encoder`` and ``decoder`` are the doors, ``signal`` those for frames at any rate. Nothing here
knows of files.
"""
