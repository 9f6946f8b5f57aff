"""Files between processors: made on one and decoded on the other, with the same codes.

    python -m benchmarks.arm --root FOLDER [--json FILE]

`machine` is an ARM64 Linux, emulated by qemu; `coding` is what both machines run; `__main__`
compares what they found.
"""
