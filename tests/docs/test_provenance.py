"""Results say what they were measured with, and pages say where that has changed since."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from benchmarks import provenance
from benchmarks.figures import places, results
from support.paths import ROOT
from vauxio.codec.hifi import noise

RESULTS = sorted(ROOT.glob("benchmarks/results/*.json"))
FACTS = json.loads((ROOT / "benchmarks/results/facts.json").read_text())["measured"]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_result_says_what_it_was_measured_with(path):
    record = json.loads(path.read_text())["measured"]
    assert record["commit"] and record["date"] and record["models"]
    for about in record["models"].values():
        assert about["weights"]
        assert all(len(bytes.fromhex(digest)) == 8 for digest in about["weights"].values())


def test_facts_are_of_the_weights_and_the_coder_that_are_here():
    assert provenance.changed(FACTS) == [], "run python -m benchmarks.facts"


def test_a_record_made_now_is_not_stale():
    for packets in (False, True):
        record = provenance.measured(["speech-24k", "denoise-24k"], packets)
        assert provenance.changed(json.loads(json.dumps(record))) == []


def test_what_has_changed_is_named():
    record = copy.deepcopy(FACTS)
    record["models"]["general-24k"]["weights"]["decoder"] = "0" * 16
    record["models"]["speech-24k"]["example_bytes"] += 100
    record["models"]["denoise-24k"]["weights"]["network"] = "0" * 16
    record["models"]["none-24k"] = {"weights": {"decoder": "0" * 16}}
    said = provenance.changed(record)
    assert said[0] == "general-24k has another decoder"
    assert said[1].startswith("speech-24k codes the same recording in ")
    assert said[2:] == ["denoise-24k has another network", "none-24k is no longer installed"]


def test_code_that_makes_another_sound_is_a_change(monkeypatch):
    """With the same weights and as many bytes: here, hifi-48k without its noise filling."""
    record = {"models": {"hifi-48k": FACTS["models"]["hifi-48k"]}}
    assert set(record["models"]["hifi-48k"]["example_distances"]) == {"speech", "music"}
    provenance._distances.cache_clear()
    monkeypatch.setattr(noise, "uniform", lambda places: np.zeros(places.shape))
    try:
        assert provenance.changed(record) == ["hifi-48k makes another sound of the same recordings"]
    finally:
        provenance._distances.cache_clear()


def test_models_of_one_result_may_be_measured_at_different_times():
    record = copy.deepcopy(FACTS)
    for name, day in (("general-24k", "2026-01-02"), ("speech-24k", "2026-03-04")):
        record["models"][name] |= {"commit": "abc", "date": day}
        assert results._when(record) == []
    record["models"]["general-24k"]["weights"]["decoder"] = "0" * 16
    record["models"]["denoise-24k"]["weights"]["network"] = "0" * 16
    of_all = f"on {record['date']} at commit `{record['commit']}`"
    assert results._when(record) == ["on 2026-01-02 at commit `abc`", of_all]


def test_a_page_must_say_that_its_figures_are_old(monkeypatch):
    stale = copy.deepcopy(results.loaded("vbr"))
    stale["measured"]["models"]["general-24k"]["weights"]["decoder"] = "0" * 16
    monkeypatch.setattr(results, "loaded", lambda name: stale)
    results.since.cache_clear()
    page = "<!-- figures: silent --><!-- /figures -->"
    try:
        with pytest.raises(SystemExit, match="page.md: weights or coder changed after vbr"):
            places.filled(page, ROOT / "page.md")
        page = places.filled(f"{page} <!-- figures: age --><!-- /figures -->", ROOT / "page.md")
    finally:
        results.since.cache_clear()
    assert "variable bitrate: measured on" in page and "another decoder" in page
