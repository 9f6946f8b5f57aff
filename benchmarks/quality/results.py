"""The file of results: what is measured takes the place of what was, and the rest stays."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..provenance import measured, weights
from . import statistics
from .codec import Codec, Vauxio
from .metrics import OF_KIND

Row = dict[str, Any]


def begun(out: Path, versions: dict[str, str]) -> Row:
    """What there is already; what is measured again is put in its place."""
    if not out.exists():
        return {"measured": {"models": {}}, "metrics": versions, "skipped": {}, "summary": [],
                "rows": []}  # fmt: skip
    result = json.loads(out.read_text())
    # What is new since then has no figures of these codecs; what there was must be the same.
    if result["metrics"].items() - versions.items():
        sys.exit(f"{out}: measured with {result['metrics']}; install those, or measure all again")
    return result | {"metrics": versions}


def has(result: Row, codec: Codec, kind: str) -> bool:
    """Whether there are all figures of a setting, of the weights that are installed."""
    if isinstance(codec, Vauxio):
        about = result["measured"]["models"].get(codec.model, {})
        if about.get("weights") != weights(codec.model):
            return False
    place = (codec.family, codec.setting, kind)
    entries = [e for e in result["summary"] if (e["family"], e["setting"], e["kind"]) == place]
    return any(all(e.get(metric) is not None for metric in OF_KIND[kind]) for e in entries)


def add(result: Row, codec: Codec, rows: list[Row]) -> None:
    """Put rows of a setting in their place, with the record of what they were measured with.

    Rows of the same model with other weights go: they are of something else.
    """
    models = result["measured"]["models"]
    names = [codec.model] if isinstance(codec, Vauxio) else []
    record = measured(names)
    gone = {"family": codec.family, "setting": codec.setting, "kind": rows[0]["kind"]}
    for name, about in record["models"].items():
        if name in models and models[name]["weights"] != about["weights"]:
            gone = {"family": codec.family}
        moment = {key: record[key] for key in ("commit", "date")}
        models[name] = about | moment
    result["measured"] = record | {"models": models}
    for key, new in (("rows", rows), ("summary", statistics.summarise(rows))):
        kept = [row for row in result[key] if any(row[k] != v for k, v in gone.items())]
        result[key] = kept + new
