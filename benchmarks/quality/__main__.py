"""Measure: every codec on every recording, one row each; see the package's docstring.

Codecs are run each time. Their figures, which take much longer, are kept in a cache by what was
decoded, so that a run that was interrupted goes on, and nothing is measured twice. What is done is
written after each setting.
"""

from __future__ import annotations

from .. import one_thread  # noqa: F401

# isort: split
import argparse
import hashlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from ..output import write
from . import corpus, metrics, opinions
from .codec import Codec, Coded
from .codecs import named
from .results import add, begun, has

VERSION = 2
"""Of what the metrics compute here; a new one measures everything again."""

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True,
                        help="folder with the folders speech, music and sound")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--cache", type=Path, default=Path("runs/quality-cache"))
    parser.add_argument("--only", nargs="+", metavar="CODEC", help="codecs (Opus) or settings of "
                        "them ('Opus 6 kbps'); what OUT has of others is kept")  # fmt: skip
    kinds = (*corpus.KINDS, corpus.STEREO)
    parser.add_argument("--kinds", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--missing", action="store_true", help="only what OUT does not have, or "
                        "has of other weights")  # fmt: skip
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()

    codecs = named(arguments.only)
    versions = opinions.versions()
    result = begun(arguments.out, versions)
    files = corpus.find(arguments.corpus) + corpus.find_stereo(arguments.corpus)
    if not files:
        sys.exit(f"{arguments.corpus}: no recordings in speech, music and sound")
    counted = Counter(kind for kind, _ in files)
    result |= {"seconds": corpus.SECONDS, "recordings": dict(counted)}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended; the same command goes on from here"))
    with ProcessPoolExecutor(arguments.jobs) as pool:
        try:
            for codec, kind in ((c, k) for c in codecs for k in c.kinds if k in arguments.kinds):
                if arguments.missing and has(result, codec, kind):
                    continue
                result["skipped"].pop(codec.name, None)
                if codec.missing:
                    result["skipped"][codec.name] = codec.missing
                    print(f"skipped {codec.name}: {codec.missing}", file=sys.stderr)
                    continue
                tasks = [
                    (codec, kind, path, arguments.cache, _digest(VERSION, versions))
                    for of_kind, path in files
                    if of_kind == kind
                ]
                if tasks:
                    add(result, codec, list(_progress(pool.map(_row, tasks), len(tasks))))
                    write(result, arguments.out)
        except BaseException:  # without this, ending would wait for all that is left to do
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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
