"""The recipe, a few steps of it: trains, resumes, exports, and reads its own export back."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("safetensors")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "weights" / "training"))

from vaux_train import config, export, graph, train  # noqa: E402

SMALL = [
    "model.encoder_dim=32",
    "model.encoder_blocks=1",
    "model.decoder_dim=32",
    "model.decoder_blocks=2",
    "model.latent_dim=16",
    "model.codebooks=3",
    "model.codebook_size=64",
    "training.bitrates=[1, 3]",
    "training.steps=6",
    "training.adversarial_from=2",
    "training.discriminator_channels=4",
    "data.batch=2",
    "data.tokens=24",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Noise with a tilt, in the form that `prepare` writes: enough to run every line."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for kind in ("speech", "music", "sound"):
        noise = np.cumsum(rng.standard_normal(12 * 24000)) * 20
        noise -= np.convolve(noise, np.ones(200) / 200, "same")
        np.save(folder / f"{kind}.npy", np.clip(noise, -20000, 20000).astype(np.int16))
    return folder


@pytest.fixture(scope="module")
def trainer(data, tmp_path_factory):
    torch.set_num_threads(2)
    settings = config.load(ROOT / "weights/training/configs/general-24k.toml", SMALL)
    trainer = train.Trainer(settings, tmp_path_factory.mktemp("run"), torch.device("cpu"))
    trainer.train(data, minutes=60, log_every=1)
    return trainer


def test_trains_and_resumes(trainer, data):
    assert (trainer.step, trainer.adversarial_steps) == (6, 4)
    again = train.Trainer(trainer.config, trainer.run, torch.device("cpu"))
    again.resume(trainer.run / "last.pt")
    assert again.step == trainer.step
    for a, b in zip(again.codec.parameters(), trainer.codec.parameters(), strict=True):
        assert torch.equal(a, b)


def test_loss_falls(trainer, data):
    sampler = train.Sampler(data, trainer.config, trainer.device, 5)
    trainer.sampler = sampler
    trainer.config = config.load(
        ROOT / "weights/training/configs/general-24k.toml",
        [*SMALL, "training.adversarial_from=100000", "training.warmup=1", "training.lr=3e-3"],
    )
    first = np.mean([trainer.train_step(1.0)["mel"] for _ in range(5)])
    for _ in range(25):
        trainer.train_step(1.0)
    last = np.mean([trainer.train_step(1.0)["mel"] for _ in range(5)])
    assert last < first


def test_export_agrees_with_pytorch_and_reads_back(trainer, data, tmp_path):
    codec = trainer.average
    report = export.export(codec, tmp_path, data)  # raises where graphs and PyTorch disagree
    assert report["codes_equal"] >= 0.995
    description = json.loads((tmp_path / "model.json").read_text())
    assert description["delay"] == codec.delay == 1280
    weights = graph.read_weights(tmp_path)
    for name, parameter in codec.named_parameters():
        assert torch.allclose(weights[name], parameter, atol=1e-6), name
    assert torch.equal(weights["quantiser.codebooks"], codec.quantiser.codebooks)


def test_encoder_stops_early(trainer, data, tmp_path, monkeypatch):
    """Asked for some codebooks, it gives those; the groups that are not needed are left out."""
    monkeypatch.setattr(graph, "GROUP", 1)
    export.export(trainer.average, tmp_path, data)
    encoder = export.session(tmp_path / "encoder.onnx")
    pcm = np.load(data / "speech.npy")[: 2 * 20 * 320].reshape(2, -1).astype(np.float32) / 32768
    whole = export.run_encoder(encoder, pcm)
    state = np.zeros((2, encoder.get_inputs()[1].shape[1]), np.float32)
    for codebooks in (1, 2, 3):
        feeds = {"pcm": pcm, "state": state, "codebooks": np.array(codebooks)}
        codes = encoder.run(["codes"], feeds)[0]
        assert np.array_equal(codes[:, :codebooks], whole[:, :codebooks])
        assert (codes[:, codebooks:] == -1).all()


def test_receptive_field_bounds_the_state(trainer, data, tmp_path):
    """What the decoder puts out after that many tokens no longer depends on what came before."""
    export.export(trainer.average, tmp_path, data)
    decoder = export.session(tmp_path / "decoder.onnx")
    _, field = graph.receptive_fields(trainer.average)
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 64, (1, 3, field + 20)).astype(np.int32)
    other = codes.copy()
    other[:, :, :10] = rng.integers(0, 64, (1, 3, 10))
    hop = trainer.config.model.hop
    a, b = export.run_decoder(decoder, codes), export.run_decoder(decoder, other)
    assert np.abs(a - b)[:, : 20 * hop].max() > 0
    assert np.array_equal(a[:, (10 + field) * hop :], b[:, (10 + field) * hop :])
