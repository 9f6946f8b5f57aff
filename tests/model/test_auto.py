"""Which model ``auto`` stands for: by what is encoded, what is asked for, what is installed."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vauxio
from support.archives import files, run, save
from support.signals import voice
from vauxio import archive
from vauxio.model import installed
from vauxio.model.installed import DEFAULT, SPEECH, candidates, choose_model, find_model


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """The installed default model, and once more under the name of the model for speech."""
    source = find_model().encoder.path.parent
    folder = tmp_path / "weights"
    for name in (DEFAULT, SPEECH):
        (folder / name).mkdir(parents=True)
        for path in source.glob("*.*"):
            (folder / name / path.name).symlink_to(path)
        describe(folder / name, name=name)
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(folder))
    return folder


@pytest.fixture
def eight(weights) -> Path:
    """The model for speech has eight codebooks: up to 6 kbps."""
    folder = weights / SPEECH
    table = np.load(folder / "static.npy")[:8]
    (folder / "static.npy").unlink()
    np.save(folder / "static.npy", table)
    digest = hashlib.sha256((folder / "static.npy").read_bytes()).hexdigest()
    describe(folder, codebooks=8, static={"file": "static.npy", "sha256": digest})
    return weights


def describe(folder: Path, **changes: object) -> None:
    """Change model.json, but not the file that a link leads to."""
    path = folder / "model.json"
    fields = json.loads(path.read_text()) | changes
    path.unlink()
    path.write_text(json.dumps(fields))


SIGNALS = [
    (16000, 1, SPEECH), (8000, 1, SPEECH), (11025, 1, SPEECH), (16001, 1, DEFAULT),
    (24000, 1, DEFAULT), (48000, 1, DEFAULT), (16000, 2, DEFAULT), (8000, 8, DEFAULT),
]  # fmt: skip


@pytest.mark.parametrize(("samplerate", "channels", "chosen"), SIGNALS)
def test_chosen_by_the_signal(weights, samplerate, channels, chosen):
    assert choose_model("auto", samplerate, channels).name == chosen
    for name in (DEFAULT, SPEECH):  # by name, whatever it is for
        assert choose_model(name, samplerate, channels).name == name
    data = voice(samplerate // 10, samplerate, channels)
    blob = vauxio.compress(data, samplerate)
    assert vauxio.info(io.BytesIO(blob)).model == chosen
    assert blob == vauxio.compress(data, samplerate, model=chosen)
    assert len(vauxio.decompress(blob)[0]) == len(data)


def test_nothing_changes_where_it_is_not_installed(weights):
    for path in (weights / SPEECH).iterdir():
        path.unlink()
    (weights / SPEECH).rmdir()
    assert candidates() == [find_model()]
    for samplerate, channels, _ in SIGNALS:
        assert choose_model("auto", samplerate, channels).name == DEFAULT
    with pytest.raises(vauxio.ModelError, match=f"'{SPEECH}' is not installed"):
        choose_model(SPEECH, 16000, 1)


@pytest.mark.parametrize(
    ("bitrate", "chosen"), [(0.75, SPEECH), (6, SPEECH), (6.01, DEFAULT), (12, DEFAULT)]
)
def test_a_bitrate_that_it_does_not_have(eight, bitrate, chosen):
    assert choose_model("auto", 16000, 1, bitrate).name == chosen
    made = vauxio.compress(voice(1600, 16000), 16000, bitrate=bitrate)
    assert vauxio.info(io.BytesIO(made)).model == chosen


def test_a_bitrate_that_there_is_not(eight, tmp_path):
    for name, bitrate, reason in (
        (SPEECH, 9, f"9 kbps: {SPEECH} has 0.75 to 6 kbps"),
        ("auto", 13, f"13 kbps: {DEFAULT} has 0.75 to 12 kbps"),
        ("auto", 0.5, f"{DEFAULT} has 0.75 to 12 kbps"),
    ):
        with pytest.raises(ValueError, match=reason):
            vauxio.write(tmp_path / "a.vx", np.zeros(9), 16000, model=name, bitrate=bitrate)
    assert not (tmp_path / "a.vx").exists()


def test_the_model_is_chosen_for_what_is_coded(vaux, eight, tmp_path):
    save(tmp_path / "both.wav", channels=2)
    for arguments, chosen in (
        ((), DEFAULT),
        (("--mono",), SPEECH),
        (("--mono", "-b", "9"), DEFAULT),
        (("--mono", "-m", DEFAULT), DEFAULT),
        (("-m", SPEECH), SPEECH),
    ):
        assert vaux("encode", "-f", *arguments, "both.wav", "a.vx").code == 0
        assert vauxio.info("a.vx").model == chosen
    code, _, err = vaux("encode", "--mono", "-m", SPEECH, "-b", "9", "both.wav", "b.vx")
    assert code == 2 and f"{SPEECH} has 0.75 to 6 kbps" in err and not Path("b.vx").exists()


def test_a_tree_of_both(weights, tmp_path):
    """Each file by its own signal, the short ones too, which go through the encoder together."""
    kinds = {"a": (16000, 1), "b": (44100, 2), "c": (8000, 1), "d": (48000, 1)}
    for name, (rate, channels) in kinds.items():
        save(tmp_path / "in" / f"{name}.wav", 0.3, rate, channels)
    save(tmp_path / "in" / "long.wav", 2.5, 16000)
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    made = files(tmp_path / "out")
    found = {name[:-3]: vauxio.info(io.BytesIO(blob)).model for name, blob in made.items()}
    assert found == {"a": SPEECH, "b": DEFAULT, "c": SPEECH, "d": DEFAULT, "long": SPEECH}
    for name in found:
        data, rate = soundfile.read(tmp_path / "in" / f"{name}.wav", dtype="float32")
        assert made[f"{name}.vx"] == vauxio.compress(data, rate)


def test_a_tree_is_done_again_when_its_model_is_there(weights, tmp_path):
    save(tmp_path / "in" / "a.wav")
    hidden = (weights / SPEECH).rename(tmp_path / "hidden")
    run(archive.plan("encode", tmp_path / "in", tmp_path / "out"))
    named = archive.Settings(model=DEFAULT)
    hidden.rename(weights / SPEECH)
    assert not archive.plan("encode", tmp_path / "in", tmp_path / "out", named).tasks
    assert len(archive.plan("encode", tmp_path / "in", tmp_path / "out").tasks) == 1


@pytest.mark.parametrize("bitrate", [None, 3, 16])
def test_a_file_asks_once_what_is_installed(monkeypatch, bitrate):
    asked, read = [], installed.read_bundles
    monkeypatch.setattr(installed, "read_bundles", lambda: asked.append(0) or read())
    vauxio.compress(np.zeros(1600, np.int16), 16000, bitrate=bitrate, lm=bitrate != 3)
    assert len(asked) == 1
