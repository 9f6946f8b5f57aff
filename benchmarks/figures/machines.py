"""Files of one machine on another."""

from __future__ import annotations

from .results import results


def between_processors() -> str:
    """Which files came back with the same codes, and how near their samples are."""
    found = results("arm")
    entries = [entry for made in found["files"].values() for entry in made.values()]
    same = sum(entry["same_codes"] for entry in entries)
    furthest = max(entry["largest_difference"] for entry in entries)
    here, there = _name(found["here"]), _name(found["there"])
    return (
        f"{same} of {len(entries)} files of all models, half of them made on {here} "
        f"and half on {there}, decoded to the same codes on both, and to samples "
        f"that differ by {furthest:.1e} of full scale at most"
    )


def _name(about: dict[str, str]) -> str:
    return {"x86_64": "x86-64", "aarch64": "ARM64"}[about["machine"]]
