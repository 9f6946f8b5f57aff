"""Finding, checking and describing model bundles."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import vauxio
from vauxio.errors import ModelError
from vauxio.model.bundles import weights_folder
from vauxio.model.installed import DEFAULT, file_candidates, find_model, models


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """A copy of the installed default model that may be damaged."""
    source = find_model().encoder.path.parent
    shutil.copytree(source, tmp_path / DEFAULT, ignore=shutil.ignore_patterns("training"))
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    return tmp_path


def edit(weights: Path, **changes: object) -> None:
    path = weights / DEFAULT / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# --- finding ---


def test_the_default_model_is_installed():
    installed = models()
    assert installed[0].name == DEFAULT
    assert find_model() == find_model("auto") == find_model(DEFAULT) == installed[0]


def test_a_list_of_models_is_meant_to_be_read():
    report = repr(vauxio.models())
    model = find_model()
    assert model.name in report and model.description in report
    assert f"{model.samplerate} Hz" in report and model.decoder.hash.hex() in report


def test_unknown_model():
    with pytest.raises(ModelError, match=f"'none' is not installed; installed: {DEFAULT}"):
        find_model("none")


def test_an_unknown_model_of_a_file():
    with pytest.raises(ModelError, match="'none' is not installed; installed: .*hifi-48k"):
        file_candidates("none", quality=16)


def test_weights_folder_from_the_environment(weights):
    assert weights_folder() == weights
    assert find_model().encoder.path.is_relative_to(weights)


def test_weights_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(ModelError, match="VAUXIO_WEIGHTS"):
        models()


def test_an_empty_weights_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    assert models() == [] and str(tmp_path) in repr(models())
    with pytest.raises(ModelError, match="installed: none"):
        find_model()


def test_a_code_space_is_found_under_any_name(weights):
    space = find_model().code_space
    shutil.move(weights / DEFAULT, weights / "other")
    path = weights / "other" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": "other"}))
    assert find_model(DEFAULT, space).name == "other"


def test_another_code_space_of_that_name():
    with pytest.raises(ModelError, match="0011223344556677.*VAUXIO_WEIGHTS"):
        find_model(DEFAULT, bytes.fromhex("0011223344556677"))
    with pytest.raises(ModelError, match="'none'.*not installed"):
        find_model("none", bytes(8))


# --- what a model says of itself ---


def test_bitrates():
    model = find_model()
    assert model.bitrate(1) == pytest.approx(0.75)
    assert model.bitrates == pytest.approx([0.75 * k for k in range(1, model.codebooks + 1)])
    assert model.token_rate == 75 and model.code_bits == 10


@pytest.mark.parametrize(
    ("bitrate", "codebooks"),
    [(0.75, 1), (1.0, 1), (1.124, 1), (1.125, 2), (1.5, 2), (3, 4), (6, 8), (6.3, 8), (12, 16)],
)
def test_nearest_bitrate(bitrate, codebooks):
    assert find_model().codebooks_for(bitrate) == codebooks


def test_default_bitrate():
    model = find_model()
    assert model.bitrate(model.codebooks_for(None)) == pytest.approx(model.default_bitrate)


@pytest.mark.parametrize("bitrate", [0, 0.74, 12.01, 1e9, -6, float("nan"), float("inf")])
def test_bitrates_out_of_range(bitrate):
    with pytest.raises(ValueError, match=r"0\.75 to 12 kbps"):
        find_model().codebooks_for(bitrate)


@pytest.mark.parametrize("samplerate", [8000, 24000, 44100, 44101, 192000])
def test_tokens_reach_over_the_last_frame(samplerate):
    model = find_model()
    for frames in (0, 1, 319, 320, 321, samplerate, 61 * samplerate + 7):
        tokens = model.tokens_for(frames, samplerate)
        assert model.frames_in(tokens, samplerate) >= frames
        # With one token less, the last frame's sample would not be there.
        assert (tokens - 1) * model.hop - model.delay < model.samples_for(frames, samplerate)


def test_static_table():
    model = find_model()
    table = model.static_table()
    assert table.shape == (model.codebooks, model.codebook_size) and table.dtype == np.uint16
    assert table.min() >= 1


# --- networks ---


def test_a_network_is_opened_once():
    model = find_model()
    assert model.encoder.open(1) is model.encoder.open(1)
    assert model.encoder.open(1) is not model.decoder.open(1)
    assert model.encoder.open(1) is not model.encoder.open(2)


@pytest.mark.parametrize("file", ["encoder.onnx", "decoder.onnx", "static.npy"])
def test_one_flipped_bit_is_found(weights, file):
    path = weights / DEFAULT / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    model = find_model()
    asset = {"encoder.onnx": model.encoder, "decoder.onnx": model.decoder}.get(file, model.static)
    with pytest.raises(ModelError, match=f"{file}: damaged"):
        asset.load()


def test_a_missing_network(weights):
    os.unlink(weights / DEFAULT / "decoder.onnx")
    with pytest.raises(ModelError, match=r"decoder\.onnx: No such file"):
        find_model().decoder.open(1)


def test_what_is_no_network(weights):
    import hashlib

    content = b"not a network"
    (weights / DEFAULT / "decoder.onnx").write_bytes(content)
    decoder = json.loads((weights / DEFAULT / "model.json").read_text())["decoder"]
    edit(weights, decoder=decoder | {"sha256": hashlib.sha256(content).hexdigest()})
    with pytest.raises(ModelError, match="onnxruntime cannot load it"):
        find_model().decoder.open(1)


def test_another_network_than_is_described(weights):
    about = json.loads((weights / DEFAULT / "model.json").read_text())
    edit(weights, decoder=about["decoder"] | {"state": 100})
    with pytest.raises(ModelError, match=r"not the network that model\.json describes"):
        find_model().decoder.open(1)


# --- model.json ---


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"format": 1}'])
def test_damaged_description(weights, content):
    (weights / DEFAULT / "model.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.json"):
        models()


@pytest.mark.parametrize(
    "changes",
    [
        {"hop": 0}, {"hop": "320"}, {"samplerate": -1}, {"delay": -1}, {"codebooks": 1.5},
        {"codebook_size": 1 << 17}, {"default_bitrate": "high"}, {"encoder": None}, {"static": {}},
        {"static": {"file": "../static.npy", "sha256": "0" * 64}},
        {"static": {"file": "static.npy", "sha256": "00"}},
        {"static": {"file": "static.npy", "sha256": "xy" * 32}},
        {"distortions": [1.0] * 10}, {"distortions": [0.0] * 11}, {"distortions": "many"},
    ],
    ids=str,
)  # fmt: skip
def test_impossible_descriptions(weights, changes):
    edit(weights, **changes)
    with pytest.raises(ModelError, match=r"model\.json: damaged"):
        find_model()


@pytest.mark.parametrize("changes", [{"format": 2}, {"channels": 2}], ids=str)
def test_bundles_of_the_future(weights, changes):
    edit(weights, **changes)
    with pytest.raises(ModelError, match="newer vauxio"):
        find_model()


@pytest.mark.parametrize("table", [np.ones((2, 4), np.uint16), np.zeros((16, 1024), np.uint16),
                                   np.ones((16, 1024), np.int64)])  # fmt: skip
def test_a_static_table_that_is_none(weights, table):
    import hashlib

    path = weights / DEFAULT / "static.npy"
    np.save(path, table)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(weights, static={"file": "static.npy", "sha256": digest})
    with pytest.raises(ModelError, match="frequency table"):
        find_model().static_table()


def test_weights_are_found_in_an_archive_that_python_imports_from(tmp_path):
    """A zip file of the package; frozen apps that keep it in one are the same to Python."""
    package = Path(vauxio.__file__).parent
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        for path in package.rglob("*.py"):
            archive.write(path, f"vauxio/{path.relative_to(package)}")
        for path in (weights_folder() / "hifi-48k").iterdir():
            archive.write(path, f"vauxio/weights/hifi-48k/{path.name}")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np, vauxio\n"
        "assert 'app.zip' in vauxio.__file__\n"
        "blob = vauxio.compress(np.zeros((4800, 1), 'f4'), 48000, model='hifi-48k', bitrate=64)\n"
        "print(len(vauxio.decompress(blob)[0]), vauxio.models().transforms[0].tables.path)"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VAUXIO_WEIGHTS")}
    at_once = "; sys.stdout.flush(); vauxio.temporary.abandon(); vauxio.model.bundles.os._exit(0)"
    for end in ("", at_once):  # as workers of an archive do
        command = [sys.executable, "-c", code + end, tmp_path / "app.zip"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True,
                              text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        frames, folder = done.stdout.split(maxsplit=1)
        assert frames == "4800" and not Path(folder.strip()).exists()  # nothing is left behind
