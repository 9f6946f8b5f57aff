"""What the site has besides the pages of this folder.

Pages that stand elsewhere in the repository, at the same address as there, so that one link serves
both; and sounds, made with the models that are installed, so that they are always true.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAGES = (
    "CHANGELOG.md",
    "benchmarks/README.md",
    "tests/data/README.md",
    "web/README.md",
    "weights/*/README.md",
    "weights/training/*.md",
)
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MODEL_FILES = (
    "model.json", "encoder.onnx", "decoder.onnx", "lm.onnx", "static.npy", "entropy.npz",
    "enhancer.onnx",
)  # fmt: skip
RECORDINGS = "speech-48k", "music-44k-stereo"
BITRATES = 1.5, 3, 6, 12
_PLOT = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<path>images/[\w-]+\.svg)\)")


def on_config(config: Any) -> Any:
    """The cards of all models come after the overview; the repository is the project's."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    urls = re.search(r'^\[project\.urls\]\n(?:.+\n)*?(?:Source|Repository) = "(.+)"', project, re.M)
    if urls:
        config.repo_url, config.repo_name = urls[1], config.site_name
    (models,) = (part["Models"] for part in config.nav if "Models" in part)
    cards = sorted(path.parent for path in ROOT.glob("weights/*-*/README.md"))
    models[1:1] = [{card.name: f"weights/{card.name}/README.md"} for card in cards]
    return config


def on_files(files: Files, config: Any) -> Files:
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            uri = path.relative_to(ROOT).as_posix()
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(path)))
    for uri, path in _player():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    for uri, sound in _sounds():
        files.append(File.generated(config, uri, content=sound))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links as the site needs them, and plots for light and dark pages.

    In the repository a link begins at the folder of its page; on the site, ``docs`` is the root.
    """
    markdown = _PLOT.sub(_both, markdown)
    if "/" not in page.file.src_uri and page.file.src_uri != "CHANGELOG.md":
        return re.sub(r"(\]\()\.\./", r"\1", markdown)
    return re.sub(r"(\]\((?:\.\./)*)docs/", r"\1", markdown)


def on_post_page(output: str, **_: Any) -> str:
    """The link to the repository stays a link: Material's script would ask there for its stars."""
    return re.sub(r' data-md-component="?source"?(?=[ >])', "", output)


def on_post_template(output: str, **_: Any) -> str:
    return on_post_page(output)


def _both(image: re.Match[str]) -> str:
    """A plot twice, if there is a dark one: Material shows the one of its colour scheme."""
    dark = image["path"].replace(".svg", "-dark.svg")
    if not (DOCS / dark).exists():
        return image[0]
    names = (image["path"] + "#only-light", dark + "#only-dark")
    return "".join(f"![{image['alt']}]({name}){{ loading=lazy }}" for name in names)


def _player() -> Iterator[tuple[str, Path]]:
    """Scripts, ONNX Runtime and models."""
    if not (ROOT / "web" / "dist" / "index.js").is_file():
        return
    runtime = ROOT / "web" / "node_modules" / "onnxruntime-web" / "dist"
    for path in sorted((ROOT / "web" / "dist").glob("*.*")):
        yield f"vauxio/{path.name}", path
    for name in RUNTIME:
        yield f"onnxruntime-web/{name}", runtime / name
    for name in MODEL_FILES:
        for path in sorted((ROOT / "weights").glob(f"*/{name}")):
            yield f"weights/{path.parent.name}/{name}", path


def _sounds() -> Iterator[tuple[str, bytes]]:
    import soundfile

    import vauxio

    def flac(data: Any, samplerate: int) -> bytes:
        out = io.BytesIO()
        soundfile.write(out, data, samplerate, format="FLAC", subtype="PCM_16")
        return out.getvalue()

    for name in RECORDINGS:
        data, samplerate = soundfile.read(ROOT / "tests" / "data" / f"{name}.flac", dtype="float32")
        yield f"audio/{name}.flac", flac(data, samplerate)
        for bitrate in BITRATES:
            blob = vauxio.compress(data, samplerate, bitrate=bitrate * data[0].size)
            yield f"audio/{name}-{bitrate:g}.vx", blob
            decoded, _ = vauxio.decompress(blob)  # for browsers that cannot
            yield f"audio/{name}-{bitrate:g}.flac", flac(decoded, samplerate)
