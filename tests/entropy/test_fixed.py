"""Range coding without constriction: the same bytes as with it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from vauxio.entropy import coders, fixed
from vauxio.errors import FormatError

TABLE = np.random.default_rng(0).integers(1, 65536, (6, 1024)).astype(np.uint16)
SKEWED = np.ones((6, 1024), np.uint16)
SKEWED[:, 7] = 65535


def coded(table: np.ndarray, codes: np.ndarray) -> bytes:
    coder = coders.StaticCoder(table)
    payload = coder.encode(codes)
    (back,) = coder.decode([(payload, codes.shape[2])], *codes.shape[:2])
    assert np.array_equal(back, codes)
    return payload


@pytest.mark.parametrize("table", [TABLE, SKEWED], ids=["even", "skewed"])
@pytest.mark.parametrize("likely", [False, True])
@pytest.mark.parametrize("tokens", [0, 1, 2, 750])
def test_the_same_bytes_without_constriction(monkeypatch, table, likely, tokens):
    pytest.importorskip("constriction")
    codes = np.random.default_rng(tokens).integers(0, 1024, (2, 6, tokens)).astype(np.uint16)
    if likely:
        codes[:] = 7
    expected = coded(table, codes)
    monkeypatch.setattr(fixed, "constriction", None)
    assert coded(table, codes) == expected


def test_many_short_payloads_are_the_same(monkeypatch):
    pytest.importorskip("constriction")
    codes = np.random.default_rng(1).integers(0, 1024, (400, 1, 1, 3)).astype(np.uint16)
    coder = coders.StaticCoder(TABLE)
    expected = [coder.encode(each) for each in codes]
    monkeypatch.setattr(fixed, "constriction", None)
    coder = coders.StaticCoder(TABLE)
    assert [coder.encode(each) for each in codes] == expected


def test_a_payload_that_cannot_be_is_refused(monkeypatch):
    monkeypatch.setattr(fixed, "constriction", None)
    with pytest.raises(FormatError):
        coders.StaticCoder(TABLE).decode([(b"\xff" * 40, 100)], 1, 6)


def test_the_package_works_where_constriction_is_missing():
    code = (
        "import sys; sys.modules['constriction'] = None\n"
        "import numpy as np, vauxio\n"
        "from vauxio.entropy import coders, fixed\n"
        "assert fixed.constriction is None\n"
        "coder = coders.StaticCoder(np.ones((2, 8), np.uint16))\n"
        "print(coder.encode(np.full((1, 2, 9), 3, np.uint16)).hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    coder = coders.StaticCoder(np.ones((2, 8), np.uint16))
    assert done.stdout.strip() == coder.encode(np.full((1, 2, 9), 3, np.uint16)).hex()
