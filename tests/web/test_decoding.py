"""In a browser, files sound as they do everywhere, and damage is told."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
import soundfile

import vauxio
from support.paths import DATA
from vauxio import container
from vauxio.container.chunks import make_chunk, number

NEAR = 1e-4

DECODE = "return told(await decoder(argument.more).decodeFile(argument.file))"


@pytest.fixture(scope="session")
def files(made):
    """Files of every kind, each of a second or more, by name."""
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    music, music_rate = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    tags = {"title": "Für Elise"}

    def write(name, data, samplerate, **options):
        vauxio.write(made / f"{name}.vx", data, samplerate, **options)

    write("speech", speech[rate // 2 : rate * 2], rate, bitrate=6, tags=tags)
    write("fine", speech[rate // 2 : rate * 3 // 2], rate, bitrate=12, model="general-24k")
    write("voice", speech[rate // 2 : rate * 2 : 3], 16000, bitrate=3, model="speech-24k")
    write("music", music[:50000], music_rate, bitrate=12, model="general-24k")
    write("plain", speech[: rate // 2 : 2], 24000, bitrate=1.5, lm=False)
    write("hifi", music[:40000], music_rate, bitrate=96, model="hifi-48k")
    write("hifi-balanced", music[:40000], music_rate, bitrate=24, model="hifi-48k")
    write("hifi-voice", speech[: rate // 2], rate, bitrate=12)
    return made


@pytest.mark.parametrize(
    "name", ["speech", "fine", "voice", "music", "plain", "hifi", "hifi-balanced", "hifi-voice"]
)
def test_samples(run, files, name):
    expected, samplerate = vauxio.read(files / f"{name}.vx", always_2d=True)
    found = run(DECODE, {"file": f"/made/{name}.vx"})
    assert found["sampleRate"] == samplerate and found["errors"] == []
    assert found["samplesDecoded"] == len(expected)
    assert np.abs(found["data"] - expected).max() < NEAR


def test_enhanced_speech_from_anywhere(run, made):
    """And after its network could not be fetched: right samples, or the same error."""
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    vauxio.write(made / "enhanced.vx", np.resize(speech, 12 * rate), rate, bitrate=12)
    expected, _ = vauxio.read(made / "enhanced.vx")
    starts = [0, 10 * rate, 3 * rate]
    found = run(
        """
        const load = globalThis.fetch;
        globalThis.fetch = (url, ...more) => (String(url).endsWith('enhancer.onnx')
          ? Promise.resolve(new Response('', { status: 404 })) : load(url, ...more));
        const own = new VauxDecoder({ ...options(), cache: false });
        const file = await own.open('/made/enhanced.vx');
        let failed = '';
        await file.read().catch((error) => (failed = error.message));
        globalThis.fetch = load;
        const parts = [];
        for (const at of argument) {
          if (at) file.seek(at);
          parts.push((await file.read())[0].subarray(0, 1000));
        }
        await own.free();
        return { ...told({ channelData: parts }), failed };
        """,
        starts,
    )
    assert "404" in found["failed"]
    for i, at in enumerate(starts):
        assert np.abs(found["data"][:, i] - expected[at : at + 1000]).max() < NEAR


def test_any_part(run, files):
    expected, _ = vauxio.read(files / "speech.vx")
    found = run(
        """
        const own = new VauxDecoderWebWorker(options());
        const file = await own.open('/made/speech.vx');
        const parts = [];
        for (const at of argument) {
          await file.seek(at);
          parts.push((await file.read())[0]);
        }
        const { frames, sampleRate, tags, seekable, model } = file;
        await file.close();
        await own.free();
        return { ...told({ channelData: parts.map((part) => part.subarray(0, 1000)) }),
          frames, sampleRate, tags, seekable, model };
        """,
        [0, 12345, 60000],
    )
    assert found["frames"] == len(expected) and found["seekable"]
    assert found["tags"] == {"title": "Für Elise"} and found["model"] == "general-24k"
    for i, at in enumerate([0, 12345, 60000]):
        assert np.abs(found["data"][:, i] - expected[at : at + 1000]).max() < NEAR


@pytest.fixture(scope="session")
def long(made):
    """21 seconds in three blocks, which do not know their length before the end."""
    speech, rate = soundfile.read(DATA / "speech-48k.flac", dtype="float32")
    with (made / "long.vx").open("wb") as file:
        with vauxio.VauxFile(file, "w", rate // 2, 1, bitrate=0.75, model="general-24k") as f:
            f.write(np.tile(speech[::2], 5))
    return made / "long.vx"


PUSHED = """
    const own = argument.worker ? new VauxDecoderWebWorker(options()) : decoder();
    await own.ready;
    const all = await bytes('/made/long.vx'), parts = [];
    let first = null;
    for (let at = 0; at < all.length; at += argument.size) {
      const { channelData, sampleRate } = await own.decode(all.subarray(at, at + argument.size));
      if (channelData.length) parts.push(channelData[0]);
      if (first === null && parts.some((part) => part.length)) first = at;
    }
    const last = await own.flush();
    if (last.channelData.length) parts.push(last.channelData[0]);
    if (argument.worker) await own.free();
    const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return { ...told({ channelData: [whole] }), first, size: all.length };
"""


@pytest.mark.parametrize("worker", [False, True])
def test_pushed_bytes(run, long, made, worker):
    """What is complete is given before the end has come."""
    expected, _ = vauxio.read(made / "long.vx")
    found = run(PUSHED, {"worker": worker, "size": 200})
    assert len(found["data"]) == len(expected)
    assert np.abs(found["data"][:, 0] - expected).max() < NEAR
    assert found["first"] < 0.9 * found["size"]


def test_a_fetch_body(run, files):
    expected, _ = vauxio.read(files / "music.vx")
    found = run("return told(await decoder().decodeFile(await fetch(argument)))",
                "/made/music.vx")  # fmt: skip
    assert np.abs(found["data"] - expected)[200:-200].max() < NEAR


def damaged(made, name, source="long.vx"):
    content = bytearray((made / source).read_bytes())
    content[len(content) // 2] ^= 16
    (made / name).write_bytes(content)


def failing(body: str) -> str:
    return f"try {{ {body} }} catch (e) {{ return {{ error: e.name, message: e.message }} }}"


def test_damage_is_an_error(run, long, made):
    damaged(made, "damaged.vx")
    for own in ("decoder()", "new VauxDecoderWebWorker(options())"):
        body = f"return told(await {own}.decodeFile(argument))"
        found = run(failing(body), "/made/damaged.vx")
        assert found["error"] == "ChecksumError" and "block 1" in found["message"]


def test_damage_is_concealed_on_request(run, long, made):
    damaged(made, "damaged.vx")
    found = run(DECODE, {"file": "/made/damaged.vx", "more": {"onError": "conceal"}})
    with vauxio.VauxFile(made / "damaged.vx", on_error="conceal") as file:
        expected = file.read()
        (damage,) = file.damage
    (error,) = found["errors"]
    assert (error["start"], error["stop"]) == (damage.start, damage.stop)
    assert error["name"] == "ChecksumError"
    assert np.abs(found["data"][:, 0] - expected).max() < NEAR


def test_a_transform_codec(run, long, made):
    """Any part, damaged blocks, one of a stream."""
    music, rate = soundfile.read(DATA / "music-44k-stereo.flac", dtype="float32")
    data = np.tile(music, (7, 1))[: 11 * rate]
    vauxio.write(made / "hifi-long.vx", data, rate, bitrate=32, model="hifi-48k")
    damaged(made, "hifi-damaged.vx", "hifi-long.vx")
    found = run(failing(DECODE), {"file": "/made/hifi-damaged.vx"})
    assert found["error"] == "ChecksumError" and "block 0" in found["message"]
    again = {"file": "/made/hifi-damaged.vx", "more": {"onError": "conceal"}}
    found, (expected, _) = (
        run(DECODE, again),
        vauxio.read(made / again["file"][6:], on_error="conceal"),
    )
    assert [error["name"] for error in found["errors"]] == ["ChecksumError"]
    assert np.abs(found["data"] - expected)[200:-200].max() < NEAR
    body = """
        const file = await decoder().open('/made/hifi-long.vx');
        file.seek(argument);
        return told({ channelData: (await file.read()).map((own) => own.subarray(0, 1000)) });
    """
    at = 10 * rate + 12345
    expected, _ = vauxio.read(made / "hifi-long.vx", 1000, at)
    assert np.abs(run(body, at)["data"] - expected).max() < NEAR


def test_a_file_that_is_cut_off(run, long, made):
    content = (made / "long.vx").read_bytes()
    (made / "cut.vx").write_bytes(content[: len(content) * 2 // 3])
    found = run(failing(DECODE), {"file": "/made/cut.vx"})
    assert found["error"] == "TruncatedError"
    found = run(DECODE, {"file": "/made/cut.vx", "more": {"onError": "conceal"}})
    assert found["errors"][0]["name"] == "TruncatedError"
    expected, _ = vauxio.read(made / "long.vx")
    assert np.abs(found["data"][:, 0] - expected[: len(found["data"])]).max() < NEAR


def test_another_model_is_refused(run, made, files):
    content = (files / "plain.vx").read_bytes()
    with vauxio.VauxFile(io.BytesIO(content)) as file:
        own = file._header.code_space
    changed = bytearray(content.replace(own, bytes(8)))
    length = int.from_bytes(content[6:8], "little")
    changed[8 + length : 12 + length] = zlib.crc32(changed[: 8 + length]).to_bytes(4, "little")
    (made / "other.vx").write_bytes(changed)
    found = run(failing(DECODE), {"file": "/made/other.vx"})
    assert found["error"] == "ModelError" and "general-24k" in found["message"]
    assert run(failing(DECODE), {"file": "/made/plain.vx", "more": {"models": "/nowhere/"}})[
        "error"] == "ModelError"  # fmt: skip
    limit = {"file": "/made/plain.vx", "more": {"maxFrames": 100}}
    assert run(failing(DECODE), limit)["error"] == "LimitError"


NAMED = """
    const told = [];
    const content = await bytes('/made/none.vx'), here = (path) => new URL(path, location.href);
    const file = new File([content], 'talk.vx');
    const { VauxDecoder, VauxDecoderWebWorker } = await import(argument);
    for (const own of [new VauxDecoder(options()), new VauxDecoderWebWorker(options())]) {
      const sources = [file, '/made/none.vx', here('/made/none.vx'), await fetch('/made/none.vx'),
                       '/made/nosuch.vx', await fetch('/made/nosuch.vx'), 'http://nowhere.invalid/a',
                       content.slice(), new Blob([content])];
      for (const from of sources) {
        await own.open(from).then(() => told.push(null), ({ name, message, reason, fileName }) =>
          told.push({ name, message, reason, fileName }));
      }
    }
    return told;
"""


@pytest.mark.parametrize("package", ["src", "dist"])
def test_errors_name_the_file(run, made, site, package):
    """And say what they are, in scripts that a bundler has made small, too."""
    (made / "none.vx").write_bytes(b"no .vx file")
    found = run(NAMED, f"/web/{package}/index.js")
    at = site.address.rstrip("/")
    names = ["talk.vx", "/made/none.vx", f"{at}/made/none.vx", f"{at}/made/none.vx",
             "/made/nosuch.vx", f"{at}/made/nosuch.vx", "http://nowhere.invalid/a"]  # fmt: skip
    assert [error["fileName"] for error in found] == [*names, None, None] * 2
    for error, name in zip(found, [*names, None, None] * 2, strict=True):
        prefix = f"{name}: " if name else ""
        assert error["message"] == prefix + error["reason"]
    said = ["not a .vx file"] * 4 + ["HTTP status 404"] * 2 + ["cannot be fetched"]
    for error, reason in zip(found, [*said, *said[:2]] * 2, strict=True):
        assert error["reason"].startswith(reason)
    kinds = ["FormatError"] * 4 + ["VauxError"] * 3 + ["FormatError"] * 2
    assert [error["name"] for error in found] == kinds * 2


def test_of_files_that_are_joined_the_first_is_read(run, files, made):
    expected, rate = vauxio.read(files / "plain.vx")
    other = vauxio.compress(0 * expected, rate, bitrate=1.5, lm=False)  # of the same length
    (made / "joined.vx").write_bytes((files / "plain.vx").read_bytes() + other)
    for more in ({}, {"onError": "conceal"}):
        found = run(DECODE, {"file": "/made/joined.vx", "more": more})
        assert found["errors"] == [] and np.abs(found["data"][:, 0] - expected).max() < NEAR


def test_errors_while_reading_name_the_file(run, long, made):
    """Whole files, and parts of open ones; what is listed as damage has no name."""
    damaged(made, "damaged.vx")
    body = """
        const file = await decoder().open('/made/damaged.vx');
        try { for (;;) if (!(await file.read())) return null; } catch (error) {
          const again = await new VauxDecoderWebWorker(options()).open('/made/damaged.vx');
          return [file.name, error.message, error.reason, again.name];
        }
    """
    name, message, reason, again = run(body)
    assert name == "/made/damaged.vx" and again.endswith(name) and message == f"{name}: {reason}"
    assert reason.startswith("block 1: ")
    found = run(DECODE, {"file": "/made/damaged.vx", "more": {"onError": "conceal"}})
    assert found["errors"][0]["message"].startswith("block 1: ")


def test_models_are_fetched_once(run, files, site):
    again = {"file": "/made/speech.vx"}
    run(DECODE, again)
    site.asked.clear()
    run(DECODE, again)
    assert [path for path, _ in site.asked if path.endswith(".onnx")] == []


def test_ranges(run, long, made, site):
    """Of a long file only what is heard is fetched; of a server without ranges, all."""
    content = (made / "long.vx").read_bytes()
    (made / "padded.vx").write_bytes(padded(content))
    body = """
        const file = await decoder().open('/made/padded.vx');
        await file.read();
        return file.frames;
    """
    frames = len(vauxio.read(made / "long.vx")[0])
    assert run(body) == frames
    asked = [wanted for path, wanted in site.asked if path == "/made/padded.vx"]
    assert len(asked) >= 2 and all(asked)
    fetched = sum(1 + int(b) - int(a) for a, b in (w[6:].split("-") for w in asked))
    assert fetched < len(padded(content)) / 4
    site.ranges = False
    try:
        assert run(body) == frames
    finally:
        site.ranges = True


def padded(content: bytes) -> bytes:
    """With a megabyte of free space between its last two blocks."""
    reader = container.Reader(io.BytesIO(content))
    *offsets, last, end = [*reader._offsets, reader._stop]
    space = make_chunk(b"z", bytes(1 << 20))
    sizes = np.diff([*offsets, last + len(space), end + len(space)]).tolist()
    body = b"".join(number(n) for n in [reader.frames, reader.tokens, *sizes])
    size = 1 + len(number(len(body) + 4)) + len(body) + 8
    index = make_chunk(b"E", body + size.to_bytes(4, "little"))
    return content[:last] + space + content[last:end] + index
