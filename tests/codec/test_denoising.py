"""Noise taken out of speech: what remains, where it lies in time, and every way to ask for it."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
import soundfile
import soxr

import vauxio
from support.paths import DATA
from support.signals import lag
from vauxio.codec.denoising import SignalDenoiser
from vauxio.codec.signal import SignalEncoder
from vauxio.codec.tokens import Stateful
from vauxio.entropy.allocation import Allocation
from vauxio.entropy.coders import PackedCoder
from vauxio.errors import AudioError, ModelError
from vauxio.model.installed import find_denoiser, find_model, models

RATE = 24000


def si_sdr(wanted: np.ndarray, heard: np.ndarray) -> float:
    """dB between speech and what is not, at whatever level (Le Roux et al. 2019)."""
    speech = wanted * (wanted @ heard) / (wanted @ wanted)
    return 10 * np.log10((speech @ speech) / ((heard - speech) @ (heard - speech)))


def at_snr(speech: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    """Both, the noise so many dB below the speech."""
    return speech + noise * np.sqrt((speech @ speech) / (noise @ noise) / 10 ** (snr / 10))


def wind(frames: int) -> np.ndarray:
    """Noise that falls by 3 dB an octave."""
    spectrum = np.fft.rfft(np.random.default_rng(5).standard_normal(frames))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), frames)


def hiss(frames: int) -> np.ndarray:
    """White noise."""
    return np.random.default_rng(0).standard_normal(frames)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """4.2 s of a voice in a studio, 24 kHz."""
    data, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    return soxr.resample(data, rate, RATE)


@pytest.fixture(scope="module")
def noisy(clean) -> np.ndarray:
    return at_snr(clean, wind(len(clean)), 5).astype(np.float32)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Copies of the installed default model and denoiser that may be damaged."""
    for folder in (find_model().encoder.path.parent, find_denoiser().network.path.parent):
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("training"))
    monkeypatch.setenv("VAUXIO_WEIGHTS", str(tmp_path))
    return tmp_path


# --- what remains ---


@pytest.mark.parametrize(
    ("noise", "snr", "gained"),
    [(wind, 0, 4), (wind, 5, 2.5), (wind, 10, 0.5), (hiss, 0, 6), (hiss, 5, 4), (hiss, 10, 1.5)],
)
def test_noise_goes(clean, noise, snr, gained):
    given = at_snr(clean, noise(len(clean)), snr)
    assert si_sdr(clean, vauxio.denoise(given, RATE)) > si_sdr(clean, given) + gained


def test_music_behind_a_voice_goes(clean, music):
    played, rate = soundfile.read(music)
    played = np.resize(soxr.resample(played.mean(axis=1), rate, RATE), len(clean))
    given = at_snr(clean, played, 5)
    assert si_sdr(clean, vauxio.denoise(given, RATE)) > si_sdr(clean, given) + 1


def test_clean_speech_stays(clean):
    assert si_sdr(clean, vauxio.denoise(clean, RATE)) > 12


def test_noise_alone_becomes_quiet():
    noise = 0.03 * np.random.default_rng(1).standard_normal(3 * RATE)
    assert 0.07 < vauxio.denoise(noise, RATE)[RATE:].std() / noise.std() < 0.13  # the floor


@pytest.mark.parametrize("frames", [0, 1, 319, 320, 321, 50000])
@pytest.mark.parametrize("samplerate", [RATE, 44100])
def test_silence(frames, samplerate):
    out = vauxio.denoise(np.zeros(frames, np.int16), samplerate)
    assert out.shape == (frames,) and out.dtype == np.float32
    assert np.abs(out).max(initial=0) < 1e-6


# --- where it lies ---


@pytest.mark.parametrize("samplerate", [8000, 16000, 24000, 44100, 48000])
def test_aligned_to_the_sample(clean, samplerate):
    data = soxr.resample(clean, RATE, samplerate)[:-5]
    out = vauxio.denoise(data, samplerate)
    assert out.shape == data.shape
    assert lag(data, out) == 0


def test_an_impulse_does_not_move(clean):
    data = clean.copy()
    at = len(data) // 2
    data[at] += 0.9
    change = np.abs(vauxio.denoise(data, RATE) - vauxio.denoise(clean, RATE))
    assert change.argmax() == at


@pytest.mark.parametrize("size", [7, 320, 1000, 100000])
@pytest.mark.parametrize("samplerate", [RATE, 44100])
def test_pieces_of_any_size(noisy, samplerate, size):
    data = noisy[:30000, None]
    denoiser, out, at = SignalDenoiser(samplerate, 1), [], 0
    for at in range(0, len(data), size):
        out.append(denoiser.push(data[at : at + size]))
    out.append(denoiser.finish())
    assert np.array_equal(np.concatenate(out), vauxio.denoise(data, samplerate))


def test_little_is_held_back(noisy):
    denoiser = SignalDenoiser(RATE, 1)
    given = 0
    for second in range(6):
        given += len(denoiser.push(np.resize(noisy, (RATE, 1))))
        assert given >= (second + 1 - 2.1) * RATE


@pytest.mark.parametrize("tokens", [1, 7, 75])
def test_the_network_in_pieces(noisy, tokens):
    network = find_denoiser().network
    hop = find_denoiser().hop
    samples = noisy[None, : len(noisy) // (75 * hop) * 75 * hop]
    whole = Stateful(network, 1, 1).run("pcm", samples)
    pieces = Stateful(network, 1, 1)
    size = tokens * hop
    parts = [pieces.run("pcm", samples[:, i : i + size]) for i in range(0, samples.shape[1], size)]
    assert np.abs(np.concatenate(parts, axis=1) - whole).max() < 1e-4


def test_channels_by_themselves(clean, noisy):
    both = vauxio.denoise(np.stack([clean, noisy], axis=1), RATE)
    for channel, alone in enumerate((clean, noisy)):
        np.testing.assert_allclose(both[:, channel], vauxio.denoise(alone, RATE), atol=1e-5)


def test_integers_are_scaled(noisy):
    whole = np.round(noisy * 32768).astype(np.int16)
    np.testing.assert_array_equal(
        vauxio.denoise(whole, RATE), vauxio.denoise(whole / np.float32(32768), RATE)
    )


# --- what cannot be done ---


@pytest.mark.parametrize(
    ("data", "samplerate", "reason"),
    [
        (np.array([0, np.nan]), RATE, "frame 1 .* NaN"),
        (np.zeros(9, complex), RATE, "type complex128"),
        (np.zeros((1, 1, 1)), RATE, "shape"),
        (np.zeros((50, 33)), RATE, "33 channels"),
        (np.zeros(5), 999, "999 Hz"),
        (np.zeros(5), 24000.5, "must be an integer"),
    ],
)
def test_no_recording(data, samplerate, reason):
    with pytest.raises(AudioError, match=reason):
        vauxio.denoise(data, samplerate)


def test_no_denoiser(weights):
    shutil.rmtree(weights / "denoise-24k")
    with pytest.raises(ModelError, match="denoise-24k.*not installed"):
        vauxio.denoise(np.zeros(9), RATE)
    assert len(vauxio.compress(np.zeros(9), RATE))  # which needs none


def test_a_damaged_denoiser(weights):
    path = weights / "denoise-24k" / "denoiser.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        vauxio.denoise(np.zeros(9), RATE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"kind": "other"}, "newer vauxio"), ({"network": None}, "damaged"), ({"hop": 0}, "damaged")],
    ids=str,
)
def test_impossible_descriptions(weights, changes, reason):
    path = weights / "denoise-24k" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ModelError, match=rf"model\.json: .*{reason}"):
        models()


def test_another_rate_than_the_codec(weights, tmp_path):
    path = weights / "denoise-24k" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"samplerate": 48000}))
    with pytest.raises(ValueError, match="works at 48000 Hz"):
        vauxio.write(tmp_path / "a.vx", np.zeros(9), RATE, denoise=True)
    assert not (tmp_path / "a.vx").exists()


# --- before coding ---


def test_what_is_coded_is_denoised(noisy):
    denoised = vauxio.compress(vauxio.denoise(noisy, RATE), RATE, bitrate=3)
    assert vauxio.compress(noisy, RATE, bitrate=3, denoise=True) == denoised
    assert vauxio.compress(noisy, RATE, bitrate=3) != denoised


def test_a_file_written_in_pieces(noisy):
    stereo = np.stack([noisy, noisy[::-1]], axis=1)[:30000]
    file = io.BytesIO()
    with vauxio.VauxFile(
        file, "w", 44100, 2, bitrate=3, denoise=True, frames=30000, exact=True
    ) as f:
        for i in range(0, len(stereo), 999):
            f.write(stereo[i : i + 999])
    assert file.getvalue() == vauxio.compress(stereo, 44100, bitrate=3, denoise=True)
    assert vauxio.info(io.BytesIO(file.getvalue())).frames == len(stereo)


# --- what is installed ---


def test_a_denoiser_is_no_codec():
    installed = models()
    assert [d.name for d in installed.denoisers] == ["denoise-24k"]
    assert "denoise-24k" not in [m.name for m in installed]
    assert "denoise-24k" in repr(installed) and "13.3 ms" in repr(installed)
    with pytest.raises(ModelError, match="'denoise-24k' is not installed"):
        find_model("denoise-24k")


def test_listed(vaux):
    lines = vaux("models", "--json").out.splitlines()
    kinds = {fields["name"]: fields["kind"] for fields in map(json.loads, lines)}
    assert kinds["denoise-24k"] == "denoiser" and kinds["general-24k"] == "codec"


# --- on the command line ---


@pytest.fixture
def noisy_wav(vaux, noisy, tmp_path):
    """In the folder of the command: 24 kHz, 16 bits."""
    soundfile.write(tmp_path / "noisy.wav", noisy, RATE)
    return tmp_path / "noisy.wav"


def test_denoise(vaux, noisy_wav, tmp_path):
    assert vaux("denoise", "noisy.wav", "speech.flac") == (0, b"", "")
    given, _ = soundfile.read(noisy_wav, dtype="int16")
    made, rate = soundfile.read(tmp_path / "speech.flac", dtype="int16")
    assert rate == RATE
    expected = np.rint(vauxio.denoise(given, RATE) * 32768.0)
    assert np.abs(made - expected).max() <= 1


def test_denoise_into_a_folder(vaux, noisy_wav, tmp_path):
    shutil.copy(noisy_wav, tmp_path / "more.wav")
    (tmp_path / "clean").mkdir()
    assert vaux("denoise", "noisy.wav", "more.wav", "-o", "clean").code == 0
    names = sorted(path.name for path in (tmp_path / "clean").iterdir())
    assert names == ["more.wav", "noisy.wav"]


def test_denoise_through_pipes(vaux_process, noisy_wav, vaux, tmp_path):
    process = vaux_process("denoise", "-", "-")
    out, err = process.communicate(noisy_wav.read_bytes())
    assert (process.returncode, err) == (0, b"")
    assert vaux("denoise", "noisy.wav", "out.wav").code == 0
    piped, _ = soundfile.read(io.BytesIO(out))
    named, _ = soundfile.read(tmp_path / "out.wav")
    assert np.array_equal(piped[: len(named)], named)


def test_files_are_not_lost(vaux, noisy_wav):
    before = noisy_wav.read_bytes()
    assert vaux("denoise", "noisy.wav").code == 2
    assert vaux("denoise", "noisy.wav", "noisy.wav").code == 2
    assert vaux("denoise", "noisy.wav", "out.xyz").code == 2
    assert vaux("denoise", "noisy.wav", "out.wav").code == 0
    code, _, err = vaux("denoise", "noisy.wav", "out.wav")
    assert code == 1 and "-f replaces it" in err
    assert vaux("denoise", "-f", "noisy.wav", "out.wav").code == 0
    assert vaux("denoise", "none.wav", "new.wav").code == 1
    assert noisy_wav.read_bytes() == before
    assert sorted(path.name for path in noisy_wav.parent.iterdir()) == ["noisy.wav", "out.wav"]


def test_encode(vaux, noisy_wav, tmp_path):
    assert vaux("encode", "--denoise", "-b", "3", "noisy.wav", "a.vx").code == 0
    given, _ = soundfile.read(noisy_wav, dtype="int16")
    expected = vauxio.compress(given, RATE, bitrate=3, denoise=True)
    made, _ = vauxio.read(tmp_path / "a.vx")
    assert np.array_equal(made, vauxio.decompress(expected)[0])


def test_encode_a_tree(vaux, noisy_wav, noisy, tmp_path):
    """By several workers, some of it together: as each file alone."""
    given = {"long.wav": (noisy, RATE), "short.wav": (noisy[:9999], 44100),
             "two.wav": (np.stack([noisy, noisy[::-1]], axis=1)[:20000], 16000)}  # fmt: skip
    (tmp_path / "in").mkdir()
    for name, (data, rate) in given.items():
        soundfile.write(tmp_path / "in" / name, data, rate)
    tree = ("encode", "-r", "in", "-o", "out", "-b", "3", "-j", "2")
    assert vaux(*tree, "--denoise").code == 0
    for name, (_, rate) in given.items():
        data, _ = soundfile.read(tmp_path / "in" / name, dtype="float32")
        expected = vauxio.compress(data, rate, bitrate=3, denoise=True)
        assert (tmp_path / "out" / name).with_suffix(".vx").read_bytes() == expected
    assert b"done         0 files" in vaux(*tree, "--denoise").out
    assert b"done         3 files" in vaux(*tree).out


# --- in live streams ---


def streamed(encoder, data: np.ndarray, size: int) -> list[bytes]:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return [packet for piece in pieces for packet in encoder.push(piece)] + encoder.flush()


def codes_of(packets: list[bytes], channels: int, codebooks: int) -> np.ndarray:
    coder = PackedCoder(find_model().code_bits)
    parts = [coder.decode([(packet, 1)], channels, codebooks)[0] for packet in packets]
    return np.concatenate(parts, axis=2)


@pytest.mark.parametrize(
    ("samplerate", "channels"), [(RATE, 1), (44100, 2)], ids=["24 kHz mono", "44.1 kHz stereo"]
)
def test_a_stream_is_what_a_file_is(noisy, samplerate, channels):
    data = np.stack([noisy, noisy[::-1]], axis=1)[: samplerate + 77, :channels]
    data[:400] = 0  # soxr's first frames are made with other filters than all that follow
    codec = vauxio.Codec()
    packets = streamed(
        codec.stream_encoder(samplerate, channels, 3 * channels, denoise=True), data, 1000
    )
    file = SignalEncoder(codec.model, samplerate, channels, Allocation.constant(4), denoise=True)
    expected = np.concatenate([file.push(data), file.finish()], axis=2)
    codes = codes_of(packets, channels, 4)
    assert codes.shape == expected.shape
    assert (codes == expected).mean() > 0.995
    plain = codes_of(
        streamed(codec.stream_encoder(samplerate, channels, 3 * channels), data, 1000), channels, 4
    )
    assert (codes == plain).mean() < 0.5


@pytest.mark.parametrize("samplerate", [RATE, 48000])
def test_packets_do_not_depend_on_pushes(noisy, samplerate):
    data, codec = noisy[: samplerate // 4 + 5], vauxio.Codec()
    expected = streamed(codec.stream_encoder(samplerate, denoise=True), data, len(data))
    for size in (7, 331):
        assert streamed(codec.stream_encoder(samplerate, denoise=True), data, size) == expected


@pytest.mark.parametrize("frames", [0, 1, 320, 321])
def test_short_streams(noisy, frames):
    codec = vauxio.Codec()
    packets = streamed(codec.stream_encoder(denoise=True), noisy[:frames], 100)
    assert len(packets) == codec.model.tokens_for(frames, RATE)


@pytest.mark.parametrize("samplerate", [RATE, 44100])
def test_a_stream_states_its_delay(noisy, samplerate):
    codec = vauxio.Codec()
    encoder, decoder = (
        codec.stream_encoder(samplerate, denoise=True),
        codec.stream_decoder(samplerate),
    )
    stated = encoder.delay + decoder.delay
    plain = codec.stream_encoder(samplerate).delay
    assert encoder.delay - plain == pytest.approx(find_denoiser().delay / RATE)
    worst = heard = pushed = 0
    while pushed < samplerate // 3:
        for packet in encoder.push(noisy[pushed : pushed + 10]):
            heard += len(decoder.push(packet))
        pushed += 10
        worst = max(worst, pushed - heard)
    assert worst / samplerate == pytest.approx(stated, abs=12 / samplerate + 2e-4)


def test_streams_that_are_copied_and_begun_anew(noisy):
    codec = vauxio.Codec()
    encoder = codec.stream_encoder(48000, denoise=True)
    expected = streamed(codec.stream_encoder(48000, denoise=True), noisy[:20000], 20000)
    begun = encoder.push(noisy[:7777])
    other = encoder.copy()
    other.push(noisy[20000:30000])
    assert begun + encoder.push(noisy[7777:20000]) + encoder.flush() == expected
    other.reset()
    assert streamed(other, noisy[:20000], 999) == expected
    assert streamed(encoder, noisy[:20000], 999) == expected  # flush has ended the first


def test_no_denoiser_for_a_stream(weights):
    shutil.rmtree(weights / "denoise-24k")
    with pytest.raises(ModelError, match="denoise-24k.*not installed"):
        vauxio.Codec().stream_encoder(denoise=True)
