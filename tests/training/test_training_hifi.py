"""The recipe of the transform codec, a moment of it: counts, fits, and codes with what it made."""

from __future__ import annotations

import pytest

from support.paths import DATA

torch = pytest.importorskip("torch")

from vaux_train.hifi.counting import collect  # noqa: E402
from vaux_train.hifi.fitting import fit  # noqa: E402
from vaux_train.hifi.tables import by_hand, to_bytes  # noqa: E402
from vauxio.codec.hifi.network import Tables  # noqa: E402

RECORDINGS = [DATA / "speech-48k.flac", DATA / "music-44k-stereo.flac"]


def test_a_round_of_training():
    """Real recordings are coded with tables made by hand, and again with those that were fitted."""
    torch.manual_seed(0)
    begun = by_hand()
    counts = collect(RECORDINGS, Tables(to_bytes(begun)), 0.5, 0)
    assert all(len(values) for values in counts.outcomes)
    fitted = fit(counts, 20)
    shapes = {name: (array.shape, array.dtype) for name, array in begun.items()}
    assert {name: (array.shape, array.dtype) for name, array in fitted.items()} == shapes
    again = collect(RECORDINGS, Tables(to_bytes(fitted)), 0.5, 0)
    assert all(len(values) for values in again.outcomes)
