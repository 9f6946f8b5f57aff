"""What is installed: bundles of weights and the networks in them. No audio, no `.vx` files.

- ``models``: the properties of a model, as its ``model.json`` states them
- ``bundles``: where models are on disk, and the parsing of ``model.json``
- ``installed``: which model a name, a bitrate or a signal stands for
- ``networks``: ONNX Runtime, and files checked against their SHA-256
- ``graphs``: codebook vectors and latents, read from an encoder's graph
- ``grid``: how frames, samples and tokens correspond
"""
