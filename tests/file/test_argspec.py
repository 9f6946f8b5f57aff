"""Names, order and defaults of arguments: soundfile's, and the same in function and method."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import soundfile

import vauxio

# soundfile's arguments for formats of which there is only one here.
FORMAT = {"format", "subtype", "endian", "compression_level", "bitrate_mode"}
# Where a default is meant to differ: the networks compute in float32.
OURS = {"dtype": "float32"}
# What reading has, and writing from beginning to end in one call does not need.
ONLY_THERE = "on_error", "max_frames", "frames", "exact", "foreign"


def arguments(function: Callable[..., object], *without: str) -> dict[str, inspect.Parameter]:
    found = inspect.signature(function).parameters
    return {name: p for name, p in found.items() if name not in without}


def positional(function: Callable[..., object], *without: str) -> list[tuple[str, object]]:
    return [
        (name, OURS.get(name, p.default))
        for name, p in arguments(function, *without).items()
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]


@pytest.mark.parametrize("name", ["read", "blocks"])
def test_reading_is_as_in_soundfile(name):
    theirs = positional(getattr(soundfile, name), *FORMAT, "samplerate", "channels", "closefd")
    assert positional(getattr(vauxio, name)) == theirs


def test_writing_is_as_in_soundfile():
    assert positional(vauxio.write) == positional(soundfile.write, *FORMAT, "closefd")


def test_info_is_as_in_soundfile():
    assert positional(vauxio.info) == positional(soundfile.info, "verbose")


def test_opening_is_as_in_soundfile():
    theirs = positional(soundfile.SoundFile, *FORMAT, "closefd")
    assert positional(vauxio.VauxFile) == theirs


@pytest.mark.parametrize("name", ["read", "blocks", "write", "seek", "tell", "seekable", "flush",
                                  "close"])  # fmt: skip
def test_methods_are_as_in_soundfile(name):
    theirs = positional(getattr(soundfile.SoundFile, name))
    assert positional(getattr(vauxio.VauxFile, name)) == theirs


def test_closefd_is_as_in_soundfile():
    default = arguments(soundfile.SoundFile)["closefd"].default
    for function in (vauxio.VauxFile, vauxio.read, vauxio.write, vauxio.blocks):
        assert arguments(function)["closefd"].default is default


def keywords(function: Callable[..., object], *without: str) -> dict[str, object]:
    return {
        name: p.default
        for name, p in arguments(function, *without).items()
        if p.kind is p.KEYWORD_ONLY
    }


def test_ways_of_writing_have_the_same_options():
    assert keywords(vauxio.write) == keywords(vauxio.VauxFile, *ONLY_THERE)
    assert keywords(vauxio.compress) == keywords(vauxio.write, "closefd")


def test_ways_of_reading_have_the_same_options():
    of_reading = {
        name: keywords(vauxio.VauxFile)[name] for name in ("on_error", "max_frames", "closefd")
    }
    assert keywords(vauxio.read) == keywords(vauxio.blocks) == of_reading


@pytest.mark.parametrize("name", ["read", "blocks"])
def test_methods_are_as_the_functions(name):
    ours = positional(getattr(vauxio, name), "file", "start", "stop")
    method = positional(getattr(vauxio.VauxFile, name), "self")
    assert method == ours
