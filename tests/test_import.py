"""What `import vauxio` does, and what it leaves for later."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vauxio


def run(code: str) -> set[str]:
    """The top-level modules that are loaded after `code`, in a fresh interpreter."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


HEAVY = {"onnxruntime", "soundfile", "soxr", "torch", "scipy", "onnx"}


def test_import_loads_nothing_heavy():
    assert not run("import vauxio") & (HEAVY | {"numpy"})


def test_help_loads_nothing_heavy():
    code = "from vauxio.cli import main; main(['--help'])"
    assert not run(code) & (HEAVY | {"numpy"})


def test_dir_lists_public_names_only():
    listed = set(dir(vauxio))
    assert listed == {*vauxio.__all__, "__version__", "archive", "container", "errors"}
    assert all(getattr(vauxio, name) is not None for name in listed)


def test_names_that_are_not_there_are_errors():
    with pytest.raises(AttributeError, match="nothing"):
        vauxio.nothing  # noqa: B018


def test_models_and_info_load_no_networks(tmp_path):
    path = tmp_path / "a.vx"
    vauxio.write(path, [0.0] * 1000, 24000)
    assert not run(f"import vauxio; vauxio.models(); repr(vauxio.info({str(path)!r}))") & HEAVY


def test_coding_needs_no_torch():
    code = "import vauxio; vauxio.decompress(vauxio.compress([0.0] * 9000, 44100))"
    loaded = run(code)
    assert {"onnxruntime", "soxr"} <= loaded
    assert not loaded & {"torch", "scipy", "onnx"}


def test_public_names():
    for name in vauxio.__all__:
        assert getattr(vauxio, name).__doc__, name
    assert vauxio.__version__ == "0.1.0"
    assert callable(vauxio.models) and callable(vauxio.info)


def test_errors_have_one_base():
    public = [getattr(vauxio, name) for name in vauxio.__all__]
    errors = [e for e in public if isinstance(e, type) and issubclass(e, Exception)]
    assert len(errors) == 9
    assert all(issubclass(e, vauxio.VauxError) for e in errors)
