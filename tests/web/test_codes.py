"""In a browser, files have the codes that they have everywhere."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import pytest

from support import format_vectors
from support.paths import DATA

EXPECTED = json.loads((DATA / "vectors" / "vectors.json").read_text())
GOLDEN = ["mono", "stereo", "segments"]
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["anywhere", "in-order"])


def codes_of(page: Any, address: str, **options: Any) -> dict[str, Any]:
    script = "async ([a, o]) => (await import('/tests/codes.js')).codesOf(a, o)"
    return page.evaluate(script, [address, options])


def whole(found: dict[str, Any]) -> np.ndarray:
    """The codes of all blocks, ``int32[channels, codebooks, tokens]``."""
    header = found["header"]
    shape = header["channels"], header["codebooks"], -1
    return np.concatenate([np.array(c, np.int32).reshape(shape) for c in found["codes"]], axis=2)


@WAYS
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files(page, name, stream):
    found = codes_of(page, f"/data/lm/{name}.vx", lm="/data/lm/lm.onnx", stream=stream)
    assert np.array_equal(whole(found), np.load(DATA / "lm" / f"{name}.npy"))


def test_golden_files_with_a_bit_allocation(page):
    found = codes_of(page, "/data/lm/allocation.vx", lm="/data/lm/lm.onnx")
    codes, all_codes = whole(found), np.load(DATA / "lm" / "mono.npy")[..., : found["tokens"]]
    there = codes >= 0
    assert 0 < there.sum() < codes.size
    assert np.array_equal(codes[there], all_codes[:, : codes.shape[1]][there])


@WAYS
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_format_vectors(page, name, stream):
    facts = EXPECTED[name]
    table = sum(format_vectors.TABLE, [])
    found = codes_of(page, f"/data/vectors/{name}", table=table, stream=stream)
    if facts["error"]:
        assert found["error"] == facts["error"], found
        if "blocks" in facts:
            assert found["blocks"] == facts["blocks"]
        return
    assert "error" not in found, found
    assert found["frames"] == facts["frames"] and found["tokens"] == facts["tokens"]
    assert found["tags"] == facts.get("tags", {})
    header = found["header"]
    assert header["sampleRate"] == facts["samplerate"]
    assert (header["channels"], header["codebooks"]) == (facts["channels"], facts["codebooks"])
    assert checksum(found) == facts["codes_crc"]
    span, levels = 3 if header["fine"] else 25, []
    for block in found["levels"]:
        if header["bands"]:
            rows = np.array(block).reshape(header["channels"] * header["bands"], -1)
            levels += rows[:, ::span].ravel().tolist()
    assert levels == facts.get("levels", [])
    assert stereo_of(found) == facts.get("stereo", [])


def stereo_of(found: dict[str, Any]) -> list[int]:
    """Values of joint stereo: by block, pair, span, kind and band."""
    header, values = found["header"], []
    for block, counts in zip(found["values"], found["counts"], strict=True):
        if header["stereoTokens"]:
            tokens = len(counts) // header["channels"]
            own = np.array(block).reshape(header["channels"] // 2, 2, -1, tokens)
            spans = own[..., :: header["stereoTokens"]]
            values += spans.transpose(0, 3, 1, 2).ravel().tolist()
    return values


@pytest.mark.parametrize("name", ["mono", "stereo"])
def test_golden_payloads_of_the_transform_codec(page, name):
    channels, frames, expected = json.loads((DATA / "hifi" / "payloads.json").read_text())[
        f"{name}.bin"
    ]
    script = "async (all) => (await import('/tests/codes.js')).checksumOf(...all)"
    assert page.evaluate(script, [f"/data/hifi/{name}.bin", channels, frames]) == expected


def checksum(found: dict[str, Any]) -> int:
    """Of all codes in token order, with the bit allocation where that varies."""
    header, parts = found["header"], []
    for codes, counts in zip(found["codes"], found["counts"], strict=True):
        shape = header["channels"], header["codebooks"], -1
        order = np.array(codes).reshape(shape).transpose(2, 0, 1)
        deep = np.array(counts).reshape(header["channels"], -1).T
        for token, count in zip(order, deep, strict=True):
            for channel, n in zip(token, count, strict=True):
                parts += [n] * (header["allocationTokens"] > 0) + channel[:n].tolist()
    return zlib.crc32(np.array(parts, "<u2").tobytes())
