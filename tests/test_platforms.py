"""Nothing that only some systems have: this machine, with the rest of it taken away."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.paths import DATA
from vauxio.archive.store import is_safe
from vauxio.archive.targets import renamed

AS_ON_WINDOWS = """
import os, signal, sys
for name in ("fcntl", "grp", "pwd", "pty", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
import select, socket, subprocess, tempfile, threading, multiprocessing  # which look for themselves
for name in ("register_at_fork", "fork", "getuid", "geteuid", "chown", "mkfifo", "set_blocking",
             "sched_getaffinity", "O_NONBLOCK", "pread", "getpgid", "setsid", "killpg"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGPIPE", "pthread_sigmask", "alarm"):
    if hasattr(signal, name):
        delattr(signal, name)
"""


def run(code: str, *arguments: object) -> None:
    command = [sys.executable, "-c", AS_ON_WINDOWS + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_module_is_imported_without_posix():
    run(
        "import importlib, pkgutil, vauxio\n"
        "for module in pkgutil.walk_packages(vauxio.__path__, 'vauxio.'):\n"
        "    if module.name not in ('vauxio.__main__', 'vauxio.archive.cluster'):\n"
        "        importlib.import_module(module.name)\n"
    )


def test_the_command_works_without_posix(tmp_path):
    run(
        "from vauxio.cli import main\n"
        "source, target = sys.argv[1:]\n"
        "assert main(['encode', source, '-o', target + '/a.vx']) == 0\n"
        "assert main(['decode', target + '/a.vx']) == 0\n"
        "assert main(['verify', '--deep', target + '/a.vx']) == 0\n",
        DATA / "speech-16k.flac", tmp_path,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["../a.wav", "/a.wav", "a/../../b.wav", "a//b.wav", "a\0.wav"])
@pytest.mark.parametrize("windows", [False, True])
def test_names_that_lead_out_of_a_tree(name, windows):
    assert not is_safe(name, windows)


@pytest.mark.parametrize(
    "name", ["c:\\a.wav", "c:a.wav", "..\\a.wav", "\\\\host\\a.wav", "a.wav:b"]
)
def test_names_that_lead_out_of_a_tree_on_windows(name):
    assert not is_safe(name, windows=True) and is_safe(name, windows=False)


@pytest.mark.parametrize("name", ["CON.wav", "a b.wav", "ä.wav", "x" * 200 + ".wav", "a.b.c.wav"])
def test_names_keep_all_but_their_ending(name):
    assert renamed(f"folder/{name}", ".vx") == f"folder/{name[:-4]}.vx"
