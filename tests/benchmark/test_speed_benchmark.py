"""The speed benchmark: a small run of it, from processes to page."""

import json
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

if sys.platform == "win32":
    pytest.skip("benchmarks need POSIX", allow_module_level=True)


from benchmarks import process
from benchmarks.speed import __main__ as speed
from benchmarks.speed import report


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One case of each kind, as few seconds as there can be, through the real processes."""
    scale = replace(speed.QUICK, audio=1, beside=1, lengths=(1,), rows=(2,), row=1)
    cases = speed.plan(scale, tmp_path_factory.mktemp("speed"), encodec=False)
    few = {(case.key[0], case.key[-1] if case.key[0] == "lengths" else ""): case
           for case in reversed(cases) if case.threads == 1}  # fmt: skip
    few = list(few.values())[::-1]
    speed.measure(few, scale.rounds)
    rest = {"quick": True, "load": [0.5, 0.5, 0.5], "minutes": 0.1}
    result = {**rest, **speed.described(scale, "not installed here"), **speed.figures(few)}
    return json.loads(json.dumps(result))


def _own_peak() -> float:
    """MB that this process had at its largest, which those that it starts inherit."""
    import resource

    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def test_every_kind_of_figure_is_there(measured):
    model = measured["models"][measured["model"]]
    assert set(measured["coding"]) == {f"{v} 1.5 kbps packed" for v in ("encode", "decode")}
    assert measured["coding"] == model["coding"]
    stages = model["stages"]["one core"]
    assert {"encoder", "decoder", "packed encode", "packed decode"} < set(stages)
    assert set(model["batch"]["one core"]["2"]) == {"encode", "decode"}
    assert set(measured["lengths"]["1"]) == {"encode", "decode"}
    lengths = measured["lengths"]["1"]
    for entry in (*measured["coding"].values(), *stages.values(), *lengths.values()):
        assert 0 < entry["fastest"] <= entry["seconds"] <= entry["slowest"]
        assert entry["x_real_time"] == pytest.approx(1 / entry["seconds"], rel=0.05, abs=0.06)
        assert 50 < entry["peak_mb"] < max(600, _own_peak() + 1)
    # Unpacking bits is never what coding takes its time with.
    assert stages["packed decode"]["x_real_time_cpu"] > stages["decoder"]["x_real_time_cpu"]


def test_page_and_plots_have_every_figure(measured):
    page = report.page(measured)
    assert "%%" not in page and "EnCodec (not installed here)" in page
    assert "Not to be cited" in page and "Not to be cited" not in report.page(
        measured | {"quick": False}
    )
    encode = measured["coding"]["encode 1.5 kbps packed"]
    assert f"| 1.5 kbps | packed | {report._round(encode['x_real_time'])} |" in page
    assert "| 1 s |" in page and "| `python -c pass` |" in page
    for name, plot in report.plots(measured).items():
        assert f"(images/{name})" in page
        svg = plot.svg(dark=False)
        assert plot.digest in svg and plot.title in svg
        texts = [e.text for e in ElementTree.fromstring(svg).iter() if e.text]
        assert {*plot.lines, plot.unit} <= {text.strip() for text in texts}


def test_range_and_ratio():
    slow = speed.summary([(2.0, 1.0), (4.0, 3.0), (3.0, 2.0)], 60)
    assert slow == {"seconds": 3.0, "fastest": 2.0, "slowest": 4.0, "x_real_time": 20.0,
                    "x_real_time_cpu": 30.0}  # fmt: skip
    assert report._speed(slow) == "20 (15.0 to 30)"
    assert report.ratio(speed.summary([(1.5, 1.5)], 60), slow) == 2


def test_processes_are_bound_and_counted():
    asks = "import os, json; print(json.dumps([os.environ['OMP_NUM_THREADS'], %s]))"
    bound = "len(os.sched_getaffinity(0))" if hasattr(process.os, "sched_getaffinity") else "1"
    for threads in {1, process.cores()}:
        done = process.run(["-c", asks % bound], threads)
        assert done.result[0] == str(threads)
        assert done.result[1] == threads or bound == "1"
    # From a small process: one inherits the peak of the process that starts it.
    measures = (
        "from benchmarks import process;"
        "print(process.run(['-c', \"x = b'x' * 190_000_000\"], 1).peak_mb)"
    )
    command = [sys.executable, "-c", measures]
    done = subprocess.run(command, cwd=process.ROOT, stdout=subprocess.PIPE, check=True)
    assert 185 < float(done.stdout) < 300
    with pytest.raises(SystemExit, match="failed"):
        process.run(["-c", "raise SystemExit(3)"], 1)
