"""What README.md and docs/ say: examples run, figures are the results', the site is built."""

from __future__ import annotations

import glob
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import soundfile

import vauxio
import vauxio.archive
from support.paths import ROOT
from vauxio.archive import running
from vauxio.archive.engine import Inline
from vauxio.cli import main
from vauxio.cli import vaux as command

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
CARDS = sorted(ROOT.glob("weights/*-*/README.md"))
MADE = {"benchmarks.md", "speed.md"}  # of results, whole

NOT_RUN = {
    "README.md": 2,
    "benchmarks.md": 2,
    "cli.md": 1,
    "contributing.md": 4,
    "faq.md": 1,
    "listen.md": 1,
    "models.md": 1,
    "quickstart.md": 1,
    "robustness.md": 2,
    "scale.md": 2,
    "speed.md": 1,
    "tokens.md": 2,
    "web.md": 5,
}
"""How many examples of a page are marked as not run: they should not become more unnoticed."""

ALREADY_THERE = {
    "faq.md": ["song.vx"],
    "guide.md": [],
    "robustness.md": ["speech.vx", "talk.vx", "damaged.vx", "archive"],
    "security.md": ["upload.vx"],
    "tokens.md": ["speech.vx"],
}
"""What the examples of a page take for granted besides recordings; others begin with those."""

RECORDINGS = ["speech.wav", "interview.wav", "recording.wav", "meeting.wav"]
"""What the examples of all pages begin with."""

_FENCE = re.compile(
    r"(?P<mark><!-- not run: [^>]+ -->\n)?^(?P<indent> *)```(?P<language>\w*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_PLACE = re.compile(r"<!-- figures: [^>]+? -->.*?<!-- /figures -->", re.DOTALL)
_MEASURED = re.compile(
    r"\d[\d.,]*\s?(?:×|times real|x real|MB\b|CPU hours)"
    r"|(?:PESQ|STOI|ViSQOL|DNSMOS|MOS)[\w-]*(?: of| OVRL| SIG)? \d"
)


class Example(NamedTuple):
    """A block of code on a page."""

    line: int
    language: str
    text: str
    runs: bool


def examples(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        indent, code = match["indent"], match["text"]
        code = "".join(line.removeprefix(indent) for line in code.splitlines(keepends=True))
        line = text.count("\n", 0, match.start("language")) + 1
        yield Example(line, match["language"], code, match["mark"] is None)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """Everything that examples start from, made once."""
    folder = tmp_path_factory.mktemp("shelf")
    speech, rate = soundfile.read(ROOT / "tests/data/speech-48k.flac", dtype="int16")
    for name in (*RECORDINGS, "recordings/talks/one.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, speech, rate)
    for name in ("song.flac", "recordings/song.flac"):
        shutil.copy(ROOT / "tests/data/music-44k-stereo.flac", folder / name)
    for name in ("speech.vx", "song.vx", "upload.vx", "archive/talks/one.vx"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        vauxio.write(folder / name, speech, rate)
    with vauxio.VauxFile(folder / "talk.vx", "w", rate, 1, bitrate=0.75) as talk:
        for _ in range(5):
            talk.write(speech)
    damaged = bytearray((folder / "talk.vx").read_bytes())
    damaged[len(damaged) // 2] ^= 1  # the second of three blocks
    (folder / "damaged.vx").write_bytes(damaged)
    return folder


@pytest.fixture
def desk(shelf, tmp_path, page) -> Path:
    """A folder with what the examples of a page start from."""
    recordings = [*RECORDINGS, "song.flac", "recordings"]
    for name in recordings + ALREADY_THERE.get(page.name, []):
        source = shelf / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "data").symlink_to(ROOT / "tests" / "data")
    return tmp_path


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(e.runs for e in examples(p))], ids=lambda page: page.name
)
def test_examples(page, desk, monkeypatch, capfdbinary):
    monkeypatch.chdir(desk)
    # Eight processes, as of ``-j 8``, take longer to start than what is done here.
    monkeypatch.setattr(running, "Processes", lambda workers: Inline())
    names: dict[str, object] = {}
    for example in examples(page):
        where = f"{page.name}:{example.line}"
        if not example.runs or example.language == "text" or page.name == "format.md":
            continue
        capfdbinary.readouterr()
        if example.language == "python":
            exec(compile("\n" * example.line + example.text, where, "exec"), names)
        elif example.language == "sh":
            for line in example.text.splitlines():
                run(line, where)
        elif example.language == "console":
            for line, output in sessions(example.text):
                run(line, where)
                if output:
                    assert capfdbinary.readouterr().out.decode() == output, f"{where}: {line}"
        else:
            pytest.fail(f"{where}: what is a block of {example.language or 'no language'}?")


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """Commands of a console, and what each of them prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield line, output


def run(line: str, where: str) -> None:
    """A line of shell that calls ``vaux``; its output may go into a file."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "vaux", f"{where}: cannot run {line!r}: mark the block"
    to = None
    if ">" in words:
        words, (to,) = words[: words.index(">")], words[words.index(">") + 1 :]
    arguments = [name for word in words[1:] for name in sorted(glob.glob(word)) or [word]]
    if to is None:
        assert main(arguments) == 0, f"{where}: {line}"
    else:
        out = subprocess.run([sys.executable, "-m", "vauxio", *arguments], capture_output=True)
        assert out.returncode == 0, f"{where}: {line}: {out.stderr.decode()}"
        Path(to).write_bytes(out.stdout)


def test_no_more_examples_are_exempt_than_were():
    exempt = {page.name: sum(not e.runs for e in examples(page)) for page in PAGES}
    assert exempt == {page.name: NOT_RUN.get(page.name, 0) for page in PAGES}


def test_figures_are_those_of_the_results():
    check = [sys.executable, "-m", "benchmarks.figures", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", [*PAGES, *CARDS], ids=lambda p: f"{p.parent.name}/{p.name}")
def test_nothing_measured_stands_outside_of_the_marks(page):
    text = "" if page.name in MADE else page.read_text(encoding="utf-8")
    text = _PLACE.sub("", _FENCE.sub("", text))
    assert _MEASURED.findall(text) == []


def test_no_page_has_marks_of_a_merge():
    marks = re.compile(r"^(?:<{7} |={7}$|>{7} )", re.MULTILINE)
    texts = {p.name: p.read_text(encoding="utf-8") for p in [*PAGES, *CARDS, ROOT / "CHANGELOG.md"]}
    assert [name for name, text in texts.items() if marks.search(text)] == []


def test_every_public_name_is_in_the_reference():
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    there = set(re.findall(r"^::: (\S+)$", reference, re.MULTILINE))
    there |= set(re.findall(r"heading: (\S+)}", reference))  # where a module has that name, too
    names = {f"vauxio.{name}" for name in vauxio.__all__}
    names |= {f"vauxio.archive.{name}" for name in vauxio.archive.__all__}
    assert names - there == set()


def test_every_model_has_a_card_and_the_overview_names_it():
    overview = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    names = [path.parent.name for path in ROOT.glob("weights/*/model.json")]
    cards = {card.parent.name for card in CARDS}
    assert [n for n in names if n not in cards or f"weights/{n}/README.md" not in overview] == []


def test_every_page_is_in_the_navigation():
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f": {page.name}" not in site] == []


def test_every_verb_is_in_the_reference():
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    verbs = command.list_commands(None)
    assert re.findall(r"^## vaux (\w+)$", reference, re.MULTILINE) == list(verbs)
