"""Training of the small networks of ``hifi-48k``: `python -m vaux_train.hifi AUDIO... OUTPUT`.

It goes in rounds. In each, recordings are coded with the tables that there are, what was coded is
counted, and networks are fitted to it, with their rounding in the loop. The first round begins
with tables made by hand, or with those of ``--begin``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from vauxio.codec.hifi.network import Tables

from .counting import collect
from .fitting import fit
from .tables import by_hand, frequencies, to_bytes

SECONDS = 5.0  # of each recording


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audio", type=Path, nargs="+", help="folders of recordings")
    parser.add_argument("output", type=Path, help="file to write, entropy.npz")
    parser.add_argument("--files", type=int, default=150, help="of each folder")
    parser.add_argument("--steps", type=int, nargs="+", default=[1500, 20000],
                        help="of fitting, for each round")  # fmt: skip
    parser.add_argument("--begin", type=Path, help="tables that the first round codes with")
    parser.add_argument("--keep", type=Path, help="tables of which all but the angles stay")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    paths = []
    for folder in options.audio:
        found = sorted(p for p in folder.rglob("*") if p.suffix in (".opus", ".ogg", ".flac"))
        paths += list(generator.permutation(np.array(found))[: options.files])
    paths = list(generator.permutation(np.array(paths)))
    arrays = by_hand()
    if known := options.keep or options.begin:
        with np.load(known, allow_pickle=False) as archive:
            arrays |= {name: archive[name] for name in archive.files}
    if options.keep:
        counts = collect(paths, Tables(to_bytes(arrays)), SECONDS, 0)
        arrays["angles"] = frequencies(counts.angles)
        options.output.write_bytes(to_bytes(arrays))
        return
    for number, steps in enumerate(options.steps, start=2 if options.begin else 0):
        counts = collect(paths, Tables(to_bytes(arrays)), SECONDS, 1000 * number)
        print(f"round {number}: coded", flush=True)
        arrays = fit(counts, steps)
        options.output.write_bytes(to_bytes(arrays))
    print(json.dumps({name: list(value.shape) for name, value in arrays.items()}))


if __name__ == "__main__":
    main()
