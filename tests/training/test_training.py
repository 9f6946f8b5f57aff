"""The recipe, a few steps of it: trains, resumes, exports, and reads its own export back."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.paths import ROOT

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("safetensors")


from vaux_train import config, corpus  # noqa: E402
from vaux_train.__main__ import main  # noqa: E402
from vaux_train.codec import (  # noqa: E402
    allocation,
    borrow,
    excerpts,
    export,
    graph,
    losses,
    narrow,
    quantiser,
    shipped,
    training,
)
from vaux_train.onnx_graph import session  # noqa: E402
from vauxio.entropy.allocation import WINDOW, Allocation, needs, spans_of  # noqa: E402

SMALL = [
    "model.encoder_dim=32",
    "model.encoder_blocks=1",
    "model.decoder_dim=32",
    "model.decoder_blocks=2",
    "model.latent_dim=16",
    "model.level_latents=4",
    "model.codebooks=3",
    "model.codebook_size=64",
    "model.wide_beam=4",
    "training.bitrates=[1, 3]",
    "training.steps=6",
    "training.adversarial_from=2",
    "training.alone=1",
    "training.envelope=0.7",
    "training.discriminator_channels=4",
    "training.discriminator_periods=[2, 3]",
    "model.enhancer_blocks=1",
    "model.enhancer_dim=24",
    "model.enhancer_context=4",
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
    settings = config.load(ROOT / "weights/training/configs/general-24k.toml", SMALL)
    trainer = training.CodecTrainer(settings, tmp_path_factory.mktemp("run"), torch.device("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "INITIAL_TOKENS", 5000)
        trainer.train(data, minutes=60, log_every=1)
    return trainer


def twice(trainer, folder):
    """Two new runs of the same config."""
    return [training.CodecTrainer(trainer.config, folder, trainer.device) for _ in range(2)]


def test_trains_and_resumes(trainer, data):
    assert (trainer.step, trainer.adversarial_steps) == (6, 4)
    again = training.CodecTrainer(trainer.config, trainer.folder, torch.device("cpu"))
    again.resume(trainer.folder / "last.pt")
    assert again.step == trainer.step
    for a, b in zip(again.codec.parameters(), trainer.codec.parameters(), strict=True):
        assert torch.equal(a, b)


def test_loss_falls(trainer, data):
    sampler = excerpts.Sampler(data, trainer.config, trainer.device, 5)
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


def test_spectra_and_their_gradients():
    torch.manual_seed(0)
    x = torch.randn(3, 3000, requires_grad=True)
    for window in (64, 256):
        power, lowest = losses.STFT.apply(x, window, 9)
        taper = torch.hann_window(window)
        s = torch.stft(x, window, window // 4, window=taper, return_complex=True).transpose(1, 2)
        expected = torch.view_as_real(s)
        torch.testing.assert_close(power, expected.square().sum(-1), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(lowest, expected[:, :, :9], rtol=1e-4, atol=1e-4)
        weights, others = torch.randn_like(power), torch.randn_like(lowest)
        (found,) = torch.autograd.grad((power * weights).sum() + (lowest * others).sum(), x)
        total = (expected.square().sum(-1) * weights).sum()
        total = total + (expected[:, :, :9] * others).sum()
        (wanted,) = torch.autograd.grad(total, x)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_decoder_only(trainer, data, tmp_path):
    """The decoder learns, also what codes stand for; the codes stay."""
    settings = config.load(
        ROOT / "weights/training/configs/general-24k.toml",
        [*SMALL, "training.decoder_only=true", "training.steps=7"],
    )
    again = training.CodecTrainer(settings, tmp_path, torch.device("cpu"))
    again.resume(trainer.folder / "last.pt")
    before = {n: w.clone() for n, w in again.average.state_dict().items()}
    again.train(data, minutes=60)
    after = again.average.state_dict()
    changed = {n for n in after if not torch.equal(before[n], after[n])}
    assert changed >= {"quantiser.corrections", "decoder.head.weight", "synthesis.weight"}
    assert not any(n.startswith(("encoder.", "analysis.", "quantiser.codebooks")) for n in changed)


def test_export_of_a_decoder_leaves_the_rest_as_it_was(trainer, data, tmp_path, monkeypatch):
    """Byte for byte, also what another build wrote otherwise."""
    folder = tmp_path / "model"
    export.export(copy.deepcopy(trainer.average), folder, data, trainer.config.data.mix)
    trainer.save_for_resuming(folder)
    network = onnx.load(folder / "encoder.onnx")
    network.doc_string = "of another build"
    onnx.save(network, folder / "encoder.onnx")
    before = json.loads((folder / "model.json").read_text())
    before |= {"lm": {"file": "lm.onnx"}, "delay": 7, "distortions": [3.0, 2.0]}
    (folder / "model.json").write_text(json.dumps(before, indent=2) + "\n")
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def call(verb: str, out: Path, decoder_only: str) -> None:
        steps = f"training.steps={trainer.step + 2}"
        set_ = [*SMALL, steps, f"training.decoder_only={decoder_only}"]
        words = [verb, "--config", ROOT / "weights/training/configs/general-24k.toml",
                 *(word for item in set_ for word in ("--set", item)),
                 "--data", data, "--run", tmp_path / "run", *at[verb](out)]  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words)])
        main()

    at = {"train": lambda out: ["--start", out, "--minutes", 60],
          "export": lambda out: ["--out", out]}  # fmt: skip
    call("train", folder, "true")
    for decoder_only in ("true", "false"):
        call("export", folder, decoder_only)
        for name in ("encoder.onnx", "static.npy"):
            assert (folder / name).read_bytes() == files[name]
        assert (folder / "decoder.onnx").read_bytes() != files["decoder.onnx"]
        after = json.loads((folder / "model.json").read_text())
        assert list(after) == list(before) and after["delay"] == 1600
        changed = {name for name in after if after[name] != before[name]}
        assert changed == {"delay", "decoder"}
    with pytest.raises(ValueError, match="copy of the model folder that the run began from"):
        call("export", tmp_path / "empty", "true")


def test_discriminators_of_another_configuration_start_anew(trainer, tmp_path, capsys):
    trainer.adversarial_steps = 1000
    trainer.save()
    settings = [*SMALL, "training.discriminator_windows=[512, 256]"]
    chosen = config.load(ROOT / "weights/training/configs/general-24k.toml", settings)
    other = training.CodecTrainer(chosen, tmp_path, torch.device("cpu"))
    same, _ = twice(trainer, tmp_path)
    same.resume(trainer.folder / "last.pt")
    assert same.adversarial_steps == 1000 and not capsys.readouterr().out
    other.resume(trainer.folder / "last.pt")
    assert other.adversarial_steps == 0  # new ones learn alone first
    assert "they start anew" in capsys.readouterr().out


def test_weighing_changes_only_what_is_nearest(trainer, tmp_path, monkeypatch):
    """Samples to latents to samples stay; latents of higher bands are smaller, levels larger."""
    heavy, again = (
        training.CodecTrainer(trainer.config, tmp_path, torch.device("cpu")) for _ in range(2)
    )
    heavy.resume(trainer.folder / "last.pt")
    heavy.save()
    words = ["weigh", "--config", ROOT / "weights/training/configs/general-24k.toml",
             *(word for item in SMALL for word in ("--set", item)), "--run", tmp_path,
             "--above", 150, "--factor", 0.5, "--levels", 1.5]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words)])
    main()
    again.resume(tmp_path / "last.pt")
    pcm = trainer.sampler.batch()
    with torch.no_grad():
        before, after = (t.average.encode(pcm) for t in (heavy, again))
        ratio = (after.square().mean((0, 1)) / before.square().mean((0, 1))).sqrt()
        assert torch.allclose(again.average.decode(after), heavy.average.decode(before), atol=1e-5)
    assert torch.allclose(ratio[-4:], torch.full((4,), 1.5)) and 0.49 < ratio.min() < 0.9
    again.sampler = trainer.sampler
    again.train_step(1.0)


def test_narrowing_leaves_out_what_others_can_replace(trainer, data, tmp_path, monkeypatch):
    wide, cut = (
        training.CodecTrainer(trainer.config, tmp_path, torch.device("cpu")) for _ in range(2)
    )
    for each in (wide, cut):
        each.resume(trainer.folder / "last.pt")
    wide.save()
    config_file = ROOT / "weights/training/configs/general-24k.toml"
    words = ["narrow", "--config", config_file, "--data", data, "--run", tmp_path,
             *(word for item in SMALL for word in ("--set", item))]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words), "--expansion", "3"])
    with pytest.raises(SystemExit, match="has 3"):
        main()
    monkeypatch.setattr(narrow, "TOKENS", 2000)
    monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words), "--expansion", "2"])
    main()
    settings = config.load(config_file, [*SMALL, "model.decoder_expansion=2"])
    again = training.CodecTrainer(settings, tmp_path, torch.device("cpu"))
    again.resume(tmp_path / "last.pt")
    assert again.step == wide.step
    before, after = wide.average.state_dict(), again.average.state_dict()
    assert {n for n in after if after[n].shape != before[n].shape} == {
        f"decoder.blocks.{i}.{name}"
        for i in range(2) for name in ("up.weight", "up.bias", "down.weight")
    }  # fmt: skip
    for name in after:
        if not name.startswith("decoder."):
            assert torch.equal(after[name], before[name])

    # Nearer than with the same units left out and nothing fitted.
    pcm = trainer.sampler.batch()
    with torch.no_grad():
        pairs = zip(cut.average.decoder.blocks, again.average.decoder.blocks, strict=True)
        for block, narrowed in pairs:
            gone = ~(block.up.bias[:, None] == narrowed.up.bias).any(1)
            assert gone.sum() == 32
            block.down.weight[:, gone] = 0
        latents = wide.average.encode(pcm)
        said, fitted, not_fitted = (t.average.decoder(latents) for t in (wide, again, cut))
        live, fitted_live = (t.codec.decoder(latents) for t in (wide, again))
    assert (fitted - said).norm() < 0.5 * (not_fitted - said).norm()
    assert (fitted_live - live).norm() < 0.5 * (not_fitted - said).norm()
    wide_moments, moments = (
        t.optimiser.state[t.codec.decoder.blocks[0].up.bias]["exp_avg"].tolist()
        for t in (wide, again)
    )
    assert len(moments) == 64 and set(moments) <= set(wide_moments)
    for each in (wide, again):  # both can go on
        each.sampler = trainer.sampler
        each.train_step(1.0)


def test_an_enhancer_is_borrowed_with_its_discriminators(trainer, data, tmp_path, monkeypatch):
    model, run, lender = tmp_path / "model", tmp_path / "run", tmp_path / "lender"
    export.export(trainer.average, model, data, trainer.config.data.mix)
    trainer.save_for_resuming(model)
    other = training.CodecTrainer(trainer.config, lender, torch.device("cpu"))
    other.resume(trainer.folder / "last.pt")
    other.adversarial_steps = 7
    with torch.no_grad():
        for weight in (*other.average.enhancer.parameters(), *other.judges.parameters()):
            weight.add_(torch.randn_like(weight), alpha=0.1)
    other.save()
    sections: dict[str, list[str]] = {}
    windows = trainer.config.training.discriminator_windows
    for item in [*SMALL, f"training.discriminator_windows={windows}"]:
        section, setting = item.split(".", 1)
        sections.setdefault(section, []).append(setting)
    settings = tmp_path / "small.toml"
    settings.write_text("\n".join("\n".join([f"[{s}]", *sections[s]]) for s in sections))
    words = ["train", "--config", settings, "--data", data, "--run", run, "--minutes", "0",
             "--enhancer-of", settings, lender / "last.pt"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words)])
    with pytest.raises(SystemExit, match="needs --start"):
        main()
    monkeypatch.setattr(borrow, "TOKENS", 2000)
    monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words), "--start", str(model)])
    main()

    again = training.CodecTrainer(trainer.config, run, torch.device("cpu"))
    again.resume(run / "last.pt")
    assert again.step == trainer.step and again.adversarial_steps == 7
    for borrowed, own in ((again.judges, other.judges), *(
        (codec.enhancer.trunk, other.average.enhancer.trunk)
        for codec in (again.codec, again.average)
    )):  # fmt: skip
        for name, weight in own.state_dict().items():
            assert torch.equal(borrowed.state_dict()[name], weight), name
    # The decoders are the same here, so what the enhancer is told must be, too.
    pcm = trainer.sampler.batch()
    stages = torch.full((len(pcm),), 3)
    with torch.no_grad():
        told, meant = (
            t.average.enhancer.context(borrow.known(t.average, pcm, stages)) for t in (again, other)
        )
    assert (told - meant).norm() < 0.1 * meant.norm()
    assert torch.equal(again.average.decoder.head.weight, trainer.average.decoder.head.weight)


def test_export_agrees_with_pytorch_and_reads_back(trainer, data, tmp_path):
    codec = trainer.average
    # It raises where graphs and PyTorch disagree.
    report = export.export(codec, tmp_path, data, trainer.config.data.mix)
    assert report["codes_equal"] >= 0.995
    description = json.loads((tmp_path / "model.json").read_text())
    assert description["delay"] == codec.delay == 1600
    weights = shipped.read_weights(tmp_path)
    for name, parameter in codec.named_parameters():
        assert torch.allclose(weights[name], parameter, atol=1e-6), name
    assert torch.equal(weights["quantiser.codebooks"], codec.quantiser.codebooks)


def test_copies_of_what_is_known(trainer):
    codec, first, hop = trainer.average, 64, 320
    n = torch.arange(30 * hop)
    tone = torch.sin(2 * torch.pi * 1520 / 24000 * n) + 0.01 * torch.randn(30 * hop)
    fine = codec.copies.copied(codec.transform.analyse(tone[None])[..., :first])
    # A steady tone has steady copies, 50 coefficients above and so on: one that is no multiple of
    # 75 Hz, where tokens would be alike.
    c = torch.cat([torch.zeros(1, 30, first), fine], -1)
    samples = codec.transform.synthesise(c)[0, 5 * hop : 20 * hop]
    power = torch.fft.rfft(samples * torch.hann_window(15 * hop)).abs().square()
    hz = torch.fft.rfftfreq(15 * hop, 1 / 24000)
    for copy_hz in (1520 + 1875, 1520 + 3750):
        line, near = ((hz - copy_hz).abs() < width for width in (12, 150))
        assert power[line].sum() > 0.9 * power[near].sum()


def test_other_fine_structure_up_high_costs_little(trainer):
    """Above what is coded as waves, levels count and not where in them a tone is."""
    n = torch.arange(96 * 320)

    def tone(hz):
        return 0.1 * torch.sin(2 * torch.pi * hz / 24000 * n)[None]

    known = torch.ones(1)
    low, high = (trainer.spectral(tone(hz + 40), tone(hz), known)[0] for hz in (1500, 6000))
    assert high < 0.4 * low


def test_copies_are_without_what_tokens_have_in_common(trainer):
    """It would sound as lines at multiples of the token rate. What is left is as loud as ever."""
    same, own = torch.randn(1, 1, 64), 0.1 * torch.randn(1, 200, 64)
    fine = trainer.average.copies.copied(same + own)
    settled = fine[0, 20:]
    assert settled.mean(0).square().mean() < 0.02
    assert settled.square().mean() == pytest.approx(1, abs=0.05)


def test_encoder_stops_early(trainer, data, tmp_path, monkeypatch):
    """Asked for some codebooks, it searches for those; groups that are not needed are left out.

    Asked for more than a few, it follows more sequences.
    """
    monkeypatch.setattr(graph, "GROUPS", (1, 2))
    for module in (graph, quantiser):
        monkeypatch.setattr(module, "FEW", 2)
    assert trainer.average.quantiser.beams == (2, 4)
    export.export(trainer.average, tmp_path, data, trainer.config.data.mix)
    encoder = session(tmp_path / "encoder.onnx")
    pcm = np.load(data / "speech.npy")[: 2 * 20 * 320].reshape(2, -1).astype(np.float32) / 32768
    with torch.no_grad():
        latents = trainer.average.encode(torch.from_numpy(pcm))
    state = np.zeros((2, encoder.get_inputs()[1].shape[1]), np.float32)
    for codebooks in (1, 2, 3):
        feeds = {"pcm": pcm, "state": state, "codebooks": np.array(codebooks)}
        codes = encoder.run(["codes"], feeds)[0]
        expected = trainer.average.quantiser.encode(latents, codebooks)
        assert np.array_equal(codes[:, :codebooks], expected)
        assert (codes[:, codebooks:] == -1).all()
    monkeypatch.setattr(trainer.average.quantiser, "beams", (2, 2))
    assert not np.array_equal(codes, trainer.average.quantiser.encode(latents))


@pytest.mark.parametrize("beam", [1, 2, 8])
def test_search_of_the_quantiser(beam):
    """One survivor is the nearest each time; as many as there are sequences find the best."""
    torch.manual_seed(0)
    q = quantiser.ResidualQuantiser(dim=3, stages=2, size=8, beams=(beam, 2), followed=8)
    q.codebooks = torch.randn(2, 8, 3) * torch.tensor([1, 0.5])[:, None, None]
    latents = torch.randn(1, 50, 3)
    codes = q.encode(latents)
    rest = latents[0] - q.decode(codes)[0]
    every = q.codebooks[0][:, None] + q.codebooks[1]
    least = (latents[0][:, None] - every.flatten(0, 1)).norm(dim=2).min(1).values
    first = q.nearest(0, latents[0])
    second = q.nearest(1, latents[0] - q.codebooks[0][first])
    greedy = (latents[0] - every[first, second]).norm(dim=1)
    if beam == 1:
        assert torch.equal(codes[0], torch.stack([first, second]))
    elif beam == 2:
        assert least.sum() <= rest.norm(dim=1).sum() < greedy.sum()
    else:
        assert torch.allclose(rest.norm(dim=1), least, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_codebooks_are_an_average_as_files_have_them(trainer, share):
    torch.manual_seed(0)
    settings = dataclasses.replace(trainer.config.training, averages=share)
    trainer = copy.copy(trainer)
    trainer.config = dataclasses.replace(trainer.config, training=settings)
    q = copy.deepcopy(trainer.average.quantiser).requires_grad_(False)
    q.corrections.zero_()
    silence, stages, seen = torch.randn(16), torch.tensor([1, 2, 3, 2]), []
    latents = torch.randn(4, 24, 16) * torch.rand(4, 24, 1) * 9
    latents[3, 5:15] = silence  # two spans

    def choose(distortion):
        seen.extend([distortion, trainer.allocation(stages)(distortion)])
        return seen[1]

    quantised, _, _ = q(latents, choose, silence)
    distortion, counts = seen
    for row, count in enumerate(stages.tolist()):
        if share and count < 3:
            assert len(set(counts[row].tolist())) > 1 and counts[row].float().mean() <= count
            wanted = needs(spans_of(distortion[row : row + 1].numpy())[0])
            least_given = min(wanted[0, d - 1, t] for t, d in enumerate(counts[row, ::5]) if d)
            left_out = max(wanted[0, d, t] for t, d in enumerate(counts[row, ::5]) if d < 3)
            assert left_out <= least_given * (1 if row < 3 else 9)  # the last span is shorter
        else:
            assert (counts[row] == count).all()
    assert (counts[3, 5:15] == 0).all() == bool(share)
    left = (latents - quantised).square().sum(2)
    assert torch.allclose(left, distortion.gather(1, counts[:, None].long())[:, 0], atol=1e-3)


@pytest.mark.parametrize("tokens", [24, 96, 97, WINDOW])
def test_averages_on_the_training_device_are_those_of_files(tokens):
    torch.manual_seed(0)
    left = torch.rand(24, 9, tokens).cumsum(1).flip(1) * torch.rand(24, 1, tokens) * 30
    average = torch.arange(24) % 8 + 1
    counts = allocation.averaged(left, average, 0.75).numpy()
    for row, distortion, mine in zip(average.tolist(), left.numpy(), counts, strict=True):
        expected = Allocation.averaging(row, 8, 0.75).choose(distortion[None])[0]
        if row == 8:  # every token has all, also the silent ones
            expected = np.full(tokens, 8)
        assert (mine == expected).mean() > 0.97  # single precision may swap what is nearly equal
    with pytest.raises(ValueError, match="an average is kept over"):
        allocation.averaged(torch.ones(1, 9, WINDOW + 1), average[:1], 0.75)


def test_excerpts_at_another_speed():
    """Pitch and length change together, level and what is in band do not."""
    t = np.arange(2600) / 24000
    x = torch.from_numpy(np.stack([np.sin(2 * np.pi * f * t) for f in (3000, 11700)])).float()
    slow, fast = (corpus.resized(x, frames) for frames in (3000, 2000))
    assert torch.fft.rfft(slow[0]).abs().argmax() == torch.fft.rfft(x[0]).abs().argmax()
    torch.testing.assert_close(fast[0].square().mean(), x[0].square().mean(), rtol=0.02, atol=0)
    assert fast[1].square().mean() < 1e-3  # would be above half the samplerate


def test_distortion_and_silence(trainer, data, tmp_path):
    """What variable bitrate goes by: how far each number of codes is off, and what none becomes."""
    codec = trainer.average
    export.export(codec, tmp_path, data, trainer.config.data.mix)
    encoder, decoder = (session(tmp_path / f"{n}.onnx") for n in ("encoder", "decoder"))
    pcm = np.load(data / "speech.npy")[: 2 * 60 * 320].reshape(2, -1).astype(np.float32) / 32768
    codes, distortion = export.measured(encoder, pcm)
    assert np.array_equal(codes, export.run_encoder(encoder, pcm))
    silence = graph.silence(codec)
    with torch.no_grad():
        latents = codec.encode(torch.from_numpy(pcm))
        said = torch.zeros_like(latents)
        for k in range(codes.shape[1]):
            said += codec.quantiser.codebooks[k][torch.from_numpy(codes[:, k]).long()]
            rest = (latents - said).square().sum(2).numpy()
            assert np.allclose(distortion[:, k + 1], rest, rtol=1e-3, atol=1e-4)
        rest = (latents - silence).square().sum(2).numpy()
        assert np.allclose(distortion[:, 0], rest, rtol=1e-3, atol=1e-4)
        absent = np.full((1, codes.shape[1], 60), -1, np.int32)
        silent = codec.decode(silence.expand(1, 60, -1)).numpy()
        few = codec.quantiser.table()[0][torch.from_numpy(codes[:, 0]).long()]
        few[:, ::2] = silence
        codes[:, 1:], codes[:, 0, ::2] = -1, -1
        few = codec.decode(few).numpy()
    _, in_silence = export.measured(encoder, np.zeros((1, 60 * 320), np.float32))
    assert in_silence[0, 0, graph.receptive_fields(codec)[0] :].max() < 1e-6
    assert np.allclose(export.run_decoder(decoder, absent), silent, atol=1e-5)
    assert np.allclose(export.run_decoder(decoder, codes), few, atol=1e-5)
    steps = json.loads((tmp_path / "model.json").read_text())["distortions"]
    assert len(steps) == 11 and steps == sorted(steps, reverse=True) and steps[-1] > 0


def test_distortions_of_qualities():
    """Each allows spans of speech-like levels the codes on average that it stands for."""
    rng = np.random.default_rng(0)
    levels = 10 ** rng.uniform(0, 4, 5000)
    spans = levels * 0.6 ** np.arange(9)[:, None] * rng.uniform(0.8, 1.2, (9, 5000))
    steps = export.distortions(spans)
    assert (np.diff(steps) < 0).all()
    for quality in (0, 5, 10):
        depth = (needs(spans[None]) > steps[quality]).sum(axis=1).mean()
        assert depth == pytest.approx(8 / 12 * 11 ** (quality / 10), rel=0.02)


def test_waves_are_kept_from_growing(trainer, data, tmp_path):
    """Beyond the size that they may have, they become smaller."""
    sizes = {}
    for limit in ("1e6", "0.001"):
        more = ["training.adversarial_from=1000", "training.warmup=1"]
        more += [f"training.wave_size={limit}", f"training.steps={trainer.step + 10}"]
        settings = config.load(ROOT / "weights/training/configs/general-24k.toml", SMALL + more)
        again = training.CodecTrainer(settings, tmp_path / limit, torch.device("cpu"))
        again.resume(trainer.folder / "last.pt")
        again.train(data, minutes=60, log_every=1)
        with (tmp_path / limit / "log.csv").open() as f:
            sizes[limit] = float(list(csv.DictReader(f))[-1]["wave_size"])
    assert sizes["0.001"] < 0.9 * sizes["1e6"]


def test_receptive_field_bounds_the_state(trainer, data, tmp_path):
    """What the decoder puts out after that many tokens no longer depends on what came before."""
    export.export(trainer.average, tmp_path, data, trainer.config.data.mix)
    decoder = session(tmp_path / "decoder.onnx")
    _, field = graph.receptive_fields(trainer.average)
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 64, (1, 3, field + 20)).astype(np.int32)
    other = codes.copy()
    other[:, :, :10] = rng.integers(0, 64, (1, 3, 10))
    hop = trainer.config.model.hop
    a, b = export.run_decoder(decoder, codes), export.run_decoder(decoder, other)
    assert np.abs(a - b)[:, : 20 * hop].max() > 0
    assert np.array_equal(a[:, (10 + field) * hop :], b[:, (10 + field) * hop :])


def test_fewer_codebooks_of_a_checkpoint(trainer, tmp_path):
    """The optimiser goes on too, also where it knows codebooks that are not taken."""
    settings = config.load(
        ROOT / "weights/training/configs/general-24k.toml", [*SMALL, "model.codebooks=2"]
    )
    again = training.CodecTrainer(settings, tmp_path, torch.device("cpu"))
    again.start(trainer.folder / "last.pt")
    saved = torch.load(trainer.folder / "last.pt", weights_only=True)
    assert torch.equal(again.codec.quantiser.codebooks, saved["codec"]["quantiser.codebooks"][:2])
    for number, (name, parameter) in enumerate(again.codec.named_parameters()):
        before = saved["optimiser"]["state"][number]["exp_avg"]
        now = again.optimiser.state[parameter]["exp_avg"]
        assert torch.equal(now, before[:2] if name == "quantiser.corrections" else before)
    again.sampler = trainer.sampler
    again.train_step(1.0)


def test_more_codebooks_than_a_smaller_model(trainer, data, tmp_path, monkeypatch):
    """Further ones are made of what is left; what was there stays."""
    monkeypatch.setattr(training, "ADDED_TOKENS", 5000)
    export.export(trainer.average, tmp_path / "small", data, trainer.config.data.mix)
    trainer.save_for_resuming(tmp_path / "small")
    known = shipped.read_weights(tmp_path / "small")
    more = [*SMALL, "model.codebooks=5", f"training.steps={trainer.step}"]
    settings = config.load(ROOT / "weights/training/configs/general-24k.toml", more)
    again = training.CodecTrainer(settings, tmp_path / "run", torch.device("cpu"))
    again.start(tmp_path / "small")
    again.train(data, minutes=60)  # no step
    saved = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    weights = saved["average"]
    for name, weight in weights.items():
        assert torch.equal(saved["codec"][name], weight)  # both have the same new ones
    for name, weight in known.items():
        now = weights[name][:3] if name.startswith("quantiser.") else weights[name]
        assert torch.equal(now, weight)
    x = again.sampler.batch()
    left = again.average.quantiser.search(again.average.encode(x))[1].mean((0, 2))
    assert left[4] < 0.95 * left[3] < 0.95**2 * left[2]


def test_fewer_codebooks_of_a_larger_model(trainer, data, tmp_path, monkeypatch, capsys):
    """From graphs, as speech-24k begins from general-24k: trained, measured, exported, gone on."""
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    export.export(trainer.average, tmp_path / "large", data, trainer.config.data.mix)
    trainer.save_for_resuming(tmp_path / "large")
    larger = shipped.read_weights(tmp_path / "large")["quantiser.codebooks"]
    voice, rate = soundfile.read(ROOT / "tests/data/speech-16k.flac", 16000)
    for kind in ("speech", "music", "sound"):
        (tmp_path / "corpus" / "dev" / kind).mkdir(parents=True)
        soundfile.write(tmp_path / "corpus" / "dev" / kind / "a.flac", voice, rate)
    smaller = [*SMALL, "model.name='small'", "model.codebooks=2", "model.decoder_expansion=3",
               "training.bitrates=[1, 2]"]  # fmt: skip

    def call(verb: str, *arguments: object, steps: int = 0) -> str:
        more = [*smaller, f"training.steps={trainer.step + steps}"]
        words = [verb, "--config", ROOT / "weights/training/configs/speech-24k.toml",
                 *(word for item in more for word in ("--set", item)),
                 "--run", tmp_path / "run", *arguments]  # fmt: skip
        monkeypatch.setattr(sys, "argv", ["vaux_train", *map(str, words)])
        main()
        return capsys.readouterr().out

    start = ("--data", data, "--minutes", 60, "--start", tmp_path / "large")
    call("train", *start)  # no step
    begun = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["average"]
    assert torch.equal(begun["quantiser.codebooks"], larger[:2])
    call("train", *start, steps=2)
    rows = [
        json.loads(line)
        for line in call("evaluate", "--corpus", tmp_path / "corpus").split("\n")[:-1]
    ]
    assert [(row["step"], row["codebooks"]) for row in rows] == [
        (trainer.step + 2, k) for k in (1, 1, 1, 2, 2, 2)
    ]
    report = json.loads(call("export", "--data", data, "--out", tmp_path / "small"))
    assert report["codes_equal"] >= 0.995
    description = json.loads((tmp_path / "small" / "model.json").read_text())
    assert (description["name"], description["codebooks"]) == ("small", 2)
    settings = config.load(ROOT / "weights/training/configs/speech-24k.toml", smaller)
    again = training.CodecTrainer(settings, tmp_path / "again", torch.device("cpu"))
    again.resume(trainer.folder / "last.pt")  # a checkpoint of the larger one
    assert again.codec.quantiser.uses.shape == (2, 64)
