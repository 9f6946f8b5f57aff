"""The language model's recipe, a few steps of it: trains, resumes, exports, saves bits."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from support.paths import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


import vauxio  # noqa: E402
from vaux_train import config  # noqa: E402
from vaux_train.language_model import codes as coding  # noqa: E402
from vaux_train.language_model import evaluate, export, graph, network, start, training  # noqa: E402
from vauxio.entropy import transformer  # noqa: E402
from vauxio.entropy.transformer_parameters import read_parameters  # noqa: E402
from vauxio.file.block_reader import TokenReader  # noqa: E402

SMALL = [
    "model.codebooks=3",
    "model.codebook_size=32",
    "lm.width=16",
    "lm.layers=2",
    "lm.heads=2",
    "lm.hidden=32",
    "lm.window=24",
    "lm.tokens=40",
    "lm.batch=4",
    "lm.codebooks=[1, 3]",
    "lm.lr=2e-2",
    "lm.warmup=5",
    "lm.float_steps=20",
    "lm.ema=0.9",
    "lm.steps=60",
]


def load(*more: str) -> config.Config:
    return config.load(ROOT / "weights/training/configs/lm-test.toml", [*SMALL, *more])


def make_codes(seed: int, tokens: int) -> np.ndarray:
    """Codes that follow from the one before them and from the codebook below: to be learned."""
    random = np.random.default_rng(seed)
    codes = np.zeros((tokens, 3), np.uint16)
    for t in range(1, tokens):
        codes[t, 0] = (codes[t - 1, 0] + random.integers(1, 4)) % 32
        codes[t, 1] = (codes[t, 0] + random.integers(4)) % 32
        codes[t, 2] = random.integers(32)
    return codes


@pytest.fixture(scope="module")
def codes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("codes")
    for name, tokens, seed in (("speech-0", 3000, 0), ("dev-speech", 320, 1)):
        np.save(folder / f"{name}.npy", make_codes(seed, tokens))
        needed = np.random.default_rng(seed).exponential(size=(tokens // 5, 3))
        np.save(folder / f"needs-{name}.npy", -np.sort(-needed).astype(np.float16))
    vectors = np.random.default_rng(2).standard_normal((3, 32, load().model.latent_dim))
    np.save(folder / "codebooks.npy", vectors.astype(np.float32))
    (folder / "index.json").write_text(json.dumps({"speech": [120, 200]}))
    return folder


@pytest.fixture(scope="module")
def trainer(codes, tmp_path_factory) -> training.LanguageModelTrainer:
    run = tmp_path_factory.mktemp("run")
    trainer = training.LanguageModelTrainer(load(), run, torch.device("cpu"))
    trainer.train(codes, minutes=60, log_every=10)
    return trainer


def test_trains_logs_and_resumes(trainer, codes):
    assert trainer.step == 60 and trainer.model.rounding
    rows = (trainer.folder / "log.csv").read_text().splitlines()
    assert len(rows) == 7 and rows[0].startswith("step,bits")
    again = training.LanguageModelTrainer(trainer.config, trainer.folder, torch.device("cpu"))
    again.resume(trainer.folder / "last.pt")
    assert again.step == 60
    for a, b in zip(again.average.parameters(), trainer.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_it_saves_bits_and_integers_cost_little(trainer, codes):
    two, three = evaluate.evaluate(trainer.average, codes, [2, 3], torch.device("cpu"))
    assert two["saving"] > 0.15
    assert 4.9 < three["bits"][2] < 5.6  # what cannot be learned is not
    assert abs(two["saving"] - two["float_saving"]) < 0.05
    (same,) = evaluate.evaluate(trainer.average, codes, [2], torch.device("cpu"), constant=True)
    assert same["saving"] > 0.15 and len(same["bits"]) == 2 and len(two["bits"]) == 3


def test_exports_what_it_trained(trainer, codes, tmp_path):
    description = {"codebooks": 3, "codebook_size": 32}
    (tmp_path / "model.json").write_text(json.dumps(description))
    report = export.export_lm(trainer.average, codes, tmp_path)
    content = (tmp_path / "lm.onnx").read_bytes()
    entry = json.loads((tmp_path / "model.json").read_text())["lm"]
    assert entry == {"file": "lm.onnx", "sha256": report["sha256"], "codebooks": 3}
    parameters = read_parameters(content)
    assert parameters.shape == (3, 32, 16, 2, 2, 8, 24)
    # The integers are those that were trained: nearly the same scores as PyTorch's.
    dev = np.load(codes / "dev-speech.npy")[:100]
    scores = transformer.reference(
        parameters, transformer.delayed(dev.T[None], parameters.shape)[0], 3
    )
    with torch.no_grad():
        a = trainer.average.trunk(torch.from_numpy(dev.astype(np.int64))[None], 3)
        theirs = torch.stack([head(a)[0] for head in trainer.average.heads], dim=1) * 256
    difference = np.abs(theirs.numpy() - scores)
    assert np.median(difference) <= 2 and difference.mean() < 0.05 * scores.std()


def test_goes_on_from_a_shipped_one(trainer, codes, tmp_path, monkeypatch):
    (tmp_path / "model.json").write_text(json.dumps({"codebooks": 3, "codebook_size": 32}))
    export.export_lm(trainer.average, codes, tmp_path)
    vectors = torch.from_numpy(np.load(codes / "codebooks.npy"))
    monkeypatch.setattr(start, "read_weights", lambda _: {"quantiser.codebooks": vectors})
    again = training.LanguageModelTrainer(trainer.config, tmp_path / "run", torch.device("cpu"))
    again.start(tmp_path)
    assert graph.lm_graph(again.average) == graph.lm_graph(trainer.average)
    again.model.take_vectors(2 * vectors)  # of any scale
    assert torch.allclose(again.model.table(), again.average.table(), atol=1e-5)
    fewer = load("model.codebooks=2", "lm.codebooks=[2]")
    small = training.LanguageModelTrainer(fewer, tmp_path / "run", torch.device("cpu"))
    small.start(tmp_path)
    dev = torch.from_numpy(np.load(codes / "dev-speech.npy")[None, :60].astype(np.int64))
    bits = []
    for model in (again.average, small.average):
        model.set_rounding(False)
        bits.append(model.bits(dev[..., : model.codebooks], 2))
    assert torch.allclose(*bits, atol=1e-3)
    more = load("model.codebooks=4", "lm.codebooks=[4]", f"lm.steps={again.step}")
    large = training.LanguageModelTrainer(more, tmp_path / "run", torch.device("cpu"))
    more_vectors = torch.cat([vectors, vectors[:1]])
    monkeypatch.setattr(start, "read_weights", lambda _: {"quantiser.codebooks": more_vectors})
    large.start(tmp_path)
    for path in codes.glob("*.npy"):
        array = np.load(path)
        always = np.full_like(array[:, :1], 5)
        wider = more_vectors.numpy() if path.stem == "codebooks" else np.hstack([array, always])
        np.save(tmp_path / path.name, wider)
    large.train(tmp_path, minutes=60)  # no step
    assert large.average.heads[3].bias.argmax() == 5
    large.average.set_rounding(False)
    both = [model.bits(dev, 3) for model in (again.average, large.average)]
    assert torch.allclose(*both, atol=1e-3)
    with pytest.raises(ValueError, match="another size"):
        wider = load("lm.hidden=64", "lm.width=32")
        training.LanguageModelTrainer(wider, tmp_path / "run", torch.device("cpu")).start(tmp_path)


@pytest.mark.parametrize("rounding", [False, True])
def test_attention_and_its_gradient(rounding):
    torch.manual_seed(0)
    q = torch.randn(2, 3, 20, 8).requires_grad_()
    k, v = (torch.randn(2, 20, 8).requires_grad_() for _ in range(2))
    position = torch.randint(-40, 0, (3, 20, 20)).float()
    position = position.masked_fill(torch.ones(20, 20).triu(1) > 0, network.MASKED)
    position.requires_grad_()
    inputs, of_mean = (q, k, v, position), torch.randn(2, 3, 20, 8)

    def floor(x):
        return network.rounded(x, 0) if rounding else x

    score = floor(q * network.UNIT**2 / 128 @ k[:, None].transpose(2, 3)) + position
    near = (127 + score - score.amax(3, keepdim=True).detach()).clamp_min(0)
    weight = floor(near * near / 64)
    expected = weight / weight.sum(3, keepdim=True) @ v[:, None]
    mean = network.Attention.apply(*inputs, rounding)
    torch.testing.assert_close(mean, expected)
    for found, wanted in zip(
        torch.autograd.grad(mean, inputs, of_mean),
        torch.autograd.grad(expected, inputs, of_mean),
        strict=True,
    ):
        assert (found - wanted).norm() < 0.02 * wanted.norm()  # products of the gradient are bf16


@pytest.mark.parametrize("steps", [1, 4, 5, 12])
def test_positions_by_distance(steps):
    """Shifted rows are what an index would give; what is too far or still to come is masked."""
    position = torch.arange(1.0, 11).view(2, 5)  # distances 0 to 4
    found = network.by_distance(position, steps)
    assert found.shape == (2, steps, steps)
    for i in range(steps):
        for j in range(steps):
            there = 0 <= i - j < 5
            expected = position[:, i - j] if there else torch.full((2,), network.MASKED)
            assert torch.equal(found[:, i, j], expected)


def test_export_refuses_what_is_not_exact(trainer, codes):
    model = network.TokenModel(trainer.config.model, trainer.config.lm)
    torch.nn.init.ones_(model.layers[0].up.bias)
    model.layers[0].up.bias.data *= 1e5
    with pytest.raises(ValueError, match="exact below"):
        graph.lm_graph(model)
    for setting in ("lm.width=24", "lm.width=1024", "lm.window=600"):
        settings = load(setting)
        with pytest.raises(ValueError, match="exact"):
            graph.lm_graph(network.TokenModel(settings.model, settings.lm))


def test_export_refuses_weights_whose_products_may_saturate():
    bias = np.zeros(2, np.int32)
    graph.check_bounds("map", np.array([[63, -63], [0, 1]], np.int8), bias)
    with pytest.raises(ValueError, match="above 63"):
        graph.check_bounds("map", np.array([[63, -64], [0, 1]], np.int8), bias)


def test_codes_of_the_corpus(tmp_path):
    """By a real encoder, and again at another speed and level."""
    import soundfile

    data, rate = soundfile.read(ROOT / "tests" / "data" / "speech-16k.flac", dtype="int16")
    for part, kind in (("dev", "speech"), ("dev", "music"), ("dev", "sound")):
        (tmp_path / part / kind).mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "speech-48k.flac", tmp_path / "dev" / "speech")
    for kind in ("music", "sound"):
        shutil.copy(ROOT / "tests" / "data" / "music-44k-stereo.flac", tmp_path / "dev" / kind)
    whole = np.tile(data, -(-62 * 24000 // len(data)))[: 62 * 24000]
    for kind in ("speech", "music", "sound"):
        np.save(tmp_path / f"{kind}.npy", whole[: 1000 if kind != "speech" else None])
    folder = ROOT / "weights" / "general-24k"
    model = config.load(ROOT / "weights/training/configs/general-24k.toml").model
    coding.prepare_codes(
        folder, model, tmp_path, tmp_path, tmp_path / "codes", 2, 0, torch.device("cpu")
    )
    assert rate == 16000
    first, second = (np.load(tmp_path / "codes" / f"speech-{i}.npy") for i in range(2))
    assert first.shape == (4500, 16) and first.dtype == np.uint16
    assert len(second) >= 2250 and not np.array_equal(first[:2250], second[:2250])
    (length,) = json.loads((tmp_path / "codes" / "index.json").read_text())["speech"]
    assert np.load(tmp_path / "codes" / "dev-speech.npy").shape == (length, 16)
    for name, tokens in (("speech-0", 4500), ("dev-speech", length)):
        needed = np.load(tmp_path / "codes" / f"needs-{name}.npy")
        assert needed.shape == (-(-tokens // 5), 16) and needed.dtype == np.float16
        assert (needed[:, 1:] <= needed[:, :-1]).all() and needed.max() > 1
    # The codes that are kept are those that a file has.
    data, rate = soundfile.read(ROOT / "tests" / "data" / "speech-48k.flac", dtype="float32")
    blob = vauxio.compress(data, rate, model="general-24k", bitrate=3)
    reader = TokenReader(io.BytesIO(blob))
    codes = reader.get(0, length)[0]
    ((block, needed),) = coding.dev_blocks(tmp_path / "codes", 750)["speech"]
    mine = coding.kept(
        torch.from_numpy(block.astype(np.int64))[None],
        needed.T[None],
        reader.model.allocation(3, None),
        -1,
    )
    assert np.mean(mine[0, :, : len(codes)].T.numpy() == codes) > 0.9  # resampled by other means
    assert (mine[0, :, len(codes) :] == -1).all()
    assert np.load(tmp_path / "codes" / "codebooks.npy").shape == (16, 1024, 80)


def test_codes_of_denoised_speech(tmp_path):
    """As much as there is of speech; the same with the same seed."""
    import soundfile

    speech, _ = soundfile.read(ROOT / "tests" / "data" / "speech-16k.flac", dtype="int16")
    for kind in ("speech", "music", "sound"):
        np.save(tmp_path / f"{kind}.npy", speech)
    entry = {"start": 0, "frames": len(speech)}
    (tmp_path / "index.json").write_text(json.dumps({"speech": [entry]}))
    model = config.load(ROOT / "weights/training/configs/speech-24k.toml").model
    encoder = coding.Encoder(ROOT / "weights" / "speech-24k", model, torch.device("cpu"))
    first, same, other = (
        coding.code_denoised(encoder, tmp_path, 24000, seed) for seed in (0, 0, 1)
    )
    assert len(first) % coding.ROWS == 0 and len(first) * 24000 >= len(speech)
    for (codes, wanted), (again, _), (others, _) in zip(first, same, other, strict=True):
        assert codes.shape == (75, 10) and wanted.shape == (15, 10)
        assert np.array_equal(codes, again) and not np.array_equal(codes, others)
