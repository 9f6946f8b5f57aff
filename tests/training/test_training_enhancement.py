"""The recipe of the enhancement, a few steps of it: codes, trains, exports, decodes with it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import soundfile

from support.paths import DATA, ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("safetensors")


import vauxio  # noqa: E402
from vaux_train.enhancement import coding, excerpts, training  # noqa: E402
from vaux_train.enhancement.config import load_config  # noqa: E402
from vaux_train.enhancement.export import read_enhancement  # noqa: E402
from vaux_train.enhancement.network import Enhancement  # noqa: E402

SMALL = [
    "model.dim=16",
    "model.dilations=[1, 2]",
    "training.steps=4",
    "training.adversarial_from=1",
    "training.alone=1",
    "training.discriminator_channels=4",
    "training.discriminator_windows=[256, 128]",
    "training.discriminator_periods=[2]",
    "data.batch=2",
    "data.judged=4096",
    "data.margin=512",
]
SECONDS = 6


@pytest.fixture(scope="module")
def config():
    return load_config(ROOT / "weights/training/configs/hifi-48k.toml", SMALL)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    corpus, data = tmp_path_factory.mktemp("corpus"), tmp_path_factory.mktemp("data")
    (corpus / "train" / "speech").mkdir(parents=True)
    for path in DATA.glob("speech-*.flac"):
        shutil.copy(path, corpus / "train" / "speech")
    coding.prepare(corpus, data, SECONDS / 3600)
    return data


@pytest.fixture(scope="module")
def trainer(config, data, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    trainer = training.EnhancementTrainer(config, run, torch.device("cpu"))
    trainer.train(data, minutes=60, log_every=1)
    return trainer


def snr(original, other):
    return 10 * np.log10(np.square(original).sum(0) / np.square(original - other).sum(0))


def test_what_is_coded(data):
    rows = np.load(data / coding.FILE)
    assert rows.shape == (SECONDS * 16000, 3) and rows.dtype == np.int16
    original, decoded, known = rows.T.astype(float)
    # Where nothing was coded, nothing is nearer to the original than noise.
    assert 5 < snr(original, decoded) < snr(original, known) < 25
    path = DATA / "speech-16k.flac"
    one, again, other = (coding.coded(path, seed) for seed in (3, 3, 4))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    pcm, _ = soundfile.read(path)
    gain = pcm @ one[:, 0] / np.square(pcm).sum()
    assert snr(pcm * gain, one[:, 0]) > 30  # but for the highest frequencies, it is the recording
    assert coding.coded(DATA / "music-44k-stereo.flac", 0) is None  # too short


def test_excerpts(data, config):
    samplers = [excerpts.Sampler(data, config.data, torch.device("cpu"), 3) for _ in range(2)]
    batches = [[sampler.batch() for _ in range(5)] for sampler in samplers]
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))
    original, decoded, _ = torch.cat(batches[0], 1)
    assert original.shape == (10, 4096 + 2 * 512) and original.abs().max() <= 1
    inner = original[:, 512:-512].T.numpy(), decoded[:, 512:-512].T.numpy()
    assert (snr(*inner) < config.data.snr).all()


def test_trains_and_resumes(config, trainer):
    assert (trainer.step, trainer.adversarial_steps) == (4, 3)
    lines = (trainer.folder / "log.csv").read_text().splitlines()
    columns = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    # Likeness, discriminators alone, then both.
    assert [bool(c["judge"]) for c in columns] == [False, True, True, True]
    assert [bool(c["gradient"]) for c in columns] == [True, False, True, True]
    other = training.EnhancementTrainer(config, trainer.folder, torch.device("cpu"))
    other.resume(trainer.folder / "last.pt")
    assert (other.step, other.adversarial_steps) == (4, 3)
    for name in ("model", "average", "judges"):
        ours, theirs = getattr(trainer, name).state_dict(), getattr(other, name).state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_it_learns_from_excerpts_without_noise(config):
    """Digital silence, or what was coded to the bit."""
    model = Enhancement(config.model).train()
    with torch.no_grad():
        model.head.weight.normal_(std=0.02)
    sound = torch.cat([torch.zeros(1, 2048), torch.randn(1, 2048)], 1)
    model(sound, sound).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    silence = model.eval()(sound, sound) - sound  # where there is no noise, nothing is added
    assert silence.abs().max() < 1e-5


def test_comes_nearer_to_the_original(data, config, tmp_path):
    more = ["training.adversarial_from=1000", "training.warmup=1", "training.lr=3e-3"]
    config = load_config(ROOT / "weights/training/configs/hifi-48k.toml", [*SMALL, *more])
    trainer = training.EnhancementTrainer(config, tmp_path, torch.device("cpu"))
    trainer.sampler = excerpts.Sampler(data, config.data, torch.device("cpu"), 3)
    losses = [float(trainer.train_step(1.0)["mel"]) for _ in range(60)]
    assert np.mean(losses[-20:]) < 0.95 * np.mean(losses[:20])


def test_exports_and_decodes_with_it(config, trainer, tmp_path, monkeypatch):
    model = tmp_path / "weights" / "hifi-48k"
    shutil.copytree(ROOT / "weights" / "hifi-48k", model)
    pcm, rate = soundfile.read(DATA / "speech-16k.flac")
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(model.parent))
    file = vauxio.compress(pcm, rate, model="hifi-48k", bitrate=10)
    plain, _ = vauxio.decompress(file)
    with torch.no_grad():  # so that it can be heard after a few steps
        trainer.average.head.weight.normal_(std=0.02)
    trainer.export(model)
    enhanced, _ = vauxio.decompress(file)
    assert enhanced.shape == plain.shape and 1e-3 < np.abs(enhanced - plain).max() < 1
    weights = read_enhancement(model)
    for name, tensor in trainer.average.state_dict().items():  # as it was rounded
        torch.testing.assert_close(weights[name], tensor, atol=1e-6, rtol=0)
    other = training.EnhancementTrainer(config, tmp_path / "run", torch.device("cpu"))
    other.resume(model)
    assert (other.step, other.adversarial_steps) == (4, 3)
    for name, tensor in trainer.judges.state_dict().items():
        torch.testing.assert_close(other.judges.state_dict()[name], tensor, atol=2e-3, rtol=2e-3)
