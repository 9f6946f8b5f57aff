"""Measure: every codec on every recording, one row each; see the package's docstring.

Codecs are run each time. Their figures, which take much longer, are kept in a cache by what was
decoded, so that a run that was interrupted goes on, and nothing is measured twice.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

for _name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):  # before NumPy: one thread for each process
    os.environ[f"{_name}_NUM_THREADS"] = "1"

from ..output import write  # noqa: E402
from ..provenance import measured  # noqa: E402
from . import corpus, metrics, statistics  # noqa: E402
from .codecs import CODECS, Codec, Coded, Vauxio  # noqa: E402

VERSION = 2
"""Of what the metrics compute here; a new one measures everything again."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True,
                        help="folder with the folders speech, music and sound")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--cache", type=Path, default=Path("runs/quality-cache"))
    families = sorted({codec.family for codec in CODECS})
    parser.add_argument("--only", nargs="+", choices=families, default=families,
                        metavar="CODEC", help=f"of {', '.join(families)}; what OUT has of the "
                        "others is kept")  # fmt: skip
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()

    versions = metrics.versions()
    rows, models, before = _kept(arguments.out, arguments.only, versions)
    kept = {row["family"] for row in rows}
    codecs, skipped = [], {}
    for codec in CODECS:
        if codec.family in kept:
            continue
        reason = codec.missing if codec.family in arguments.only else "not asked for"
        if reason is None:
            codecs.append(codec)
        else:
            skipped[codec.name] = reason
            print(f"skipped {codec.name}: {reason}", file=sys.stderr)
    files = corpus.find(arguments.corpus)
    if not files:
        sys.exit(f"{arguments.corpus}: no recordings in speech, music and sound")
    tasks = [
        (codec, kind, path, arguments.cache, _digest(VERSION, versions))
        for codec in codecs
        for kind, path in files
        if kind in codec.kinds
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended; the same command goes on from here"))
    with ProcessPoolExecutor(arguments.jobs) as pool:
        try:
            for row in _progress(pool.map(_row, tasks), len(tasks)):
                rows.append(row)
        except BaseException:  # without this, ending would wait for all that is left to do
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    own = _models(codecs)
    record = measured(own)
    record["models"] = before | record["models"]
    result = {
        "measured": record,
        "metrics": versions,
        "seconds": corpus.SECONDS,
        "recordings": {k: sum(kind == k for kind, _ in files) for k in corpus.KINDS},
        "models": models | own,
        "skipped": skipped,
        "summary": statistics.summarise(rows),
        "rows": rows,
    }
    write(result, arguments.out)


def _kept(out: Path, only: list[str], versions: dict[str, str]) -> tuple[list[Row], Row, Row]:
    """Rows, models and their records of codecs that are not asked for, which stay as they were."""
    before = json.loads(out.read_text()) if out.exists() else {"rows": []}
    rows = [row for row in before["rows"] if row["family"] not in only]
    # What is new since then has no figures of these codecs; what there was must be the same.
    if rows and before["metrics"].items() - versions.items():
        sys.exit(f"{out}: measured with {before['metrics']}; install those, or measure all again")
    if not rows:
        return [], {}, {}
    return rows, before["models"], before["measured"]["models"]


def _row(task: tuple[Codec, str, Path, Path, str]) -> Row:
    codec, kind, path, cache, version = task
    recording = corpus.load(kind, path)
    coded = codec.run(recording)
    kbps = 8 / recording.seconds / 1000
    return {
        "family": codec.family,
        "setting": codec.setting,
        "kind": kind,
        "file": recording.name,
        "samplerate": recording.samplerate,
        "kbps": round(coded.audio_bytes * kbps, 4),
        "kbps_file": round(coded.bytes * kbps, 4),
        "kbps_plain": None if coded.plain_bytes is None else round(coded.plain_bytes * kbps, 4),
        **_figures(recording, coded, cache, version),
    }


def _figures(recording: corpus.Recording, coded: Coded, cache: Path, version: str) -> Row:
    samples, samplerate = coded.decoded
    key = _digest(
        version, recording.kind, recording.samplerate, recording.samples.tobytes(),
        samplerate, samples.tobytes(),
    )  # fmt: skip
    path = cache / f"{recording.kind}-{recording.name}-{key[:24]}.json"
    if path.exists():
        return json.loads(path.read_text())
    figures = metrics.measure(recording, coded.decoded)
    cache.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(figures))
    os.replace(temporary, path)
    return figures


def _models(codecs: list[Codec]) -> dict[str, Row]:
    """What vauxio was measured with."""
    import vauxio

    found = {}
    for codec in codecs:
        if isinstance(codec, Vauxio):
            model = vauxio.Codec(codec.model).model
            found[model.name] = {"version": vauxio.__version__, "decoder": model.decoder.hash.hex()}
    return found


def _digest(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _progress(rows: Iterable[Row], total: int) -> Iterable[Row]:
    for i, row in enumerate(rows, 1):
        print(f"{i}/{total} {row['family']} {row['setting']}, {row['file']}", file=sys.stderr)
        yield row


if __name__ == "__main__":
    main()
