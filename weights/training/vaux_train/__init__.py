"""The PyTorch recipe behind the shipped weights: prepare, train, evaluate, export.

Run as ``python -m vaux_train VERB --config configs/general-24k.toml`` from this folder's parent
package directory (see README.md). The library in ``src/vauxio`` never imports this package, and
this package takes from the library only what it needs to measure real files.
"""
