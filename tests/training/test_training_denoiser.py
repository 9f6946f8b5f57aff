"""The recipe of the denoiser, a few steps of it: mixes, trains, exports, reads its export back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from support.paths import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


from vaux_train.denoiser import network, noisy, training  # noqa: E402
from vaux_train.denoiser.config import load_config  # noqa: E402

SMALL = [
    "model.dim=16",
    "model.dilations=[1, 3]",
    "training.steps=3",
    "data.batch=8",
    "data.tokens=48",
]


@pytest.fixture(scope="module")
def config():
    return load_config(ROOT / "weights/training/configs/denoise-24k.toml", SMALL)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noise that comes and goes, in the form that `prepare` writes."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    seconds = 12
    syllables = np.repeat(rng.integers(0, 2, seconds * 5), 24000 // 5)
    for kind in ("speech", "music", "sound"):
        noise = rng.standard_normal(seconds * 24000) * 2000 * syllables
        np.save(folder / f"{kind}.npy", noise.astype(np.int16))
    halves = [{"name": n, "start": n * 144000, "frames": 144000, "rate": 24000} for n in range(2)]
    (folder / "index.json").write_text(json.dumps({"speech": halves}))
    return folder


@pytest.fixture(scope="module")
def trainer(config, data, tmp_path_factory):
    trainer = training.DenoiserTrainer(config, tmp_path_factory.mktemp("run"), torch.device("cpu"))
    trainer.train(data, minutes=60, log_every=1)
    return trainer


def test_the_transform_loses_nothing():
    x = torch.randn(2, 32 * 320)
    transform = network.OddDFT(320)
    y = transform.synthesise(*transform.analyse(x))
    torch.testing.assert_close(y[:, 320:], x[:, :-320], atol=1e-5, rtol=0)


def test_what_is_mixed(config, data):
    sampler = noisy.NoisySampler(data, config, torch.device("cpu"), seed=3)
    given, wanted = map(torch.cat, zip(*(sampler.batch() for _ in range(10)), strict=True))
    assert given.shape == wanted.shape == (80, 48 * 320)
    assert torch.isfinite(given).all() and given.abs().max() <= 1
    clean = (given == wanted).all(1)
    noise_only = (wanted == 0).all(1) & ~clean
    assert 0 < clean.sum() < 40 and 0 < noise_only.sum() < 20
    mixed = ~clean & ~noise_only
    snr = 20 * torch.log10(noisy.level(wanted[mixed]) / noisy.level((given - wanted)[mixed]))
    assert -15 < snr.min() < 0 and 12 < snr.max() < 40


def test_again_the_same(config, data):
    a, b = (noisy.NoisySampler(data, config, torch.device("cpu"), seed=3).batch() for _ in "ab")
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])


def test_recordings_with_noise_are_no_targets():
    rng = np.random.default_rng(0)
    quiet = rng.standard_normal(48000) * np.repeat([1, 2000], 24000)
    noise = rng.standard_normal(48000) * np.repeat([500, 2000], 24000)
    pcm = np.concatenate([quiet, noise]).astype(np.int16)
    entries = [{"start": 0, "frames": 48000}, {"start": 48000, "frames": 48000}]
    high, low = noisy.dynamic_ranges(pcm, entries)
    assert high > 50 and low == pytest.approx(12, abs=2)


def test_trains_and_resumes(config, trainer, data):
    assert trainer.step == 3
    assert len((trainer.folder / "log.csv").read_text().splitlines()) == 4
    other = training.DenoiserTrainer(config, trainer.folder, torch.device("cpu"))
    other.resume(trainer.folder / "last.pt")
    assert other.step == 3
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(other.model.state_dict()[name], tensor)


def test_exports_and_reads_it_back(config, trainer, data, tmp_path):
    report = trainer.export(data, tmp_path / "out")
    assert report["torch"] < 1e-4
    fields = json.loads((tmp_path / "out" / "model.json").read_text())
    assert (fields["kind"], fields["hop"], fields["delay"]) == ("denoiser", 320, 320)
    other = training.DenoiserTrainer(config, tmp_path / "run", torch.device("cpu"))
    other.resume(tmp_path / "out")
    assert other.step == 3
    for name, tensor in trainer.average.state_dict().items():  # as it was rounded
        torch.testing.assert_close(other.model.state_dict()[name], tensor, atol=1e-6, rtol=0)
