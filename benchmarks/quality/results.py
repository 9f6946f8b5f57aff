"""The file of results: what is measured takes the place of what was, and the rest stays."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..provenance import measured
from . import statistics
from .codec import Codec, Vauxio

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
