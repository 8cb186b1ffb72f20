"""Isolated packages: endless, growing and crashing graphs are one error each, and nothing stays."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import voxport
from benchmarks.hostile.endless_graphs import endless_graph, growing_graph, vast_graph
from support import data
from support.command import process_arguments
from support.strange_packages import copy_package, replace_graph
from voxport.backends.isolation import Isolation
from voxport.errors import InferenceError, InputError, PackageError
from voxport.machine import process_limits
from voxport.package.find import find_package
from voxport.package.read_manifest import read_manifest

ONE_TWO_THREE = data.SAMPLES / "one-two-three.flac"
LABELS = len(read_manifest(find_package("commands")).model.labels)
SECOND = np.zeros(16000, np.float32)
QUICK = Isolation(run_seconds=0.5, run_seconds_per_second=0.5)

pytestmark = pytest.mark.skipif(not process_limits.is_linux(), reason="the limits are Linux's")


@pytest.fixture(autouse=True)
def leaves_nothing(tmp_path, monkeypatch):
    """Check that no process and no temporary file stays."""
    space = tmp_path / "temporary"
    space.mkdir()
    monkeypatch.setenv("TMPDIR", str(space))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield
    gc.collect()
    assert children() == []
    assert list(space.iterdir()) == []


@pytest.fixture
def hostile(tmp_path):
    def write(graph) -> Path:
        package = copy_package(tmp_path)
        replace_graph(package, graph.SerializeToString())
        return package

    return write


def children(parent=None) -> list[int]:
    """List the isolated processes of this one."""
    parent = parent or os.getpid()
    found = Path(f"/proc/{parent}/task").glob("*/children")
    numbers = [int(number) for path in found for number in path.read_text().split()]
    return [
        one for one in numbers if b"isolated_child" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]


def is_running(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_isolated_package_answers_as_any_other(with_features):
    here, isolated = (voxport.load(with_features, "cpu", isolate=way) for way in (False, True))
    files = [ONE_TWO_THREE, data.SAMPLES / "yes.flac"]
    assert isolated.transcribe(files) == here.transcribe(files)
    for one, other in zip(isolated.emission(files), here.emission(files), strict=True):
        assert np.array_equal(one, other)
    for one, other in zip(isolated.features(files), here.features(files), strict=True):
        assert np.array_equal(one, other)
    assert isolated.transcribe(SECOND[:100]).text == ""
    assert (isolated.provider, repr(isolated)) == (here.provider, repr(here))


def test_an_isolated_feature_extractor(headless):
    extractor = voxport.load_features(headless, "cpu", isolate=True)
    plain = voxport.load_features(headless, "cpu")
    found, expected = (one.features(ONE_TWO_THREE) for one in (extractor, plain))
    assert np.abs(found - expected).max() < 1e-5  # torch rounds by what it ran before


def test_an_isolated_verification():
    assert voxport.verify("commands", isolate=True).ok


def test_openvino_runs_isolated():
    pytest.importorskip("openvino")
    recognizer = voxport.load("commands", "openvino", isolate=True)
    assert recognizer.transcribe(ONE_TWO_THREE).text == "ONE TWO THREE"


def test_a_graph_without_end_is_ended(hostile):
    recognizer = voxport.load(hostile(endless_graph(LABELS)), "cpu", isolate=QUICK)
    with pytest.raises(InferenceError, match=r"model\.onnx: gave no answer within 1 s and was end"):
        recognizer.transcribe(SECOND)


def test_verify_ends_a_graph_without_end(hostile):
    with pytest.raises(InferenceError, match="gave no answer within"):
        voxport.verify(hostile(endless_graph(LABELS)), isolate=QUICK)


def test_a_package_that_fails_three_times_in_a_row_is_not_tried_again(hostile):
    recognizer = voxport.load(hostile(endless_graph(LABELS)), "cpu", isolate=QUICK)
    for _ in range(3):
        with pytest.raises(InferenceError, match="gave no answer"):
            recognizer.transcribe(SECOND)
    with pytest.raises(InferenceError, match="failed 3 times in a row, the last time because it g"):
        recognizer.transcribe(SECOND)


@pytest.mark.parametrize("graph", [growing_graph, vast_graph])
def test_a_graph_that_takes_all_memory_is_an_error(hostile, graph):
    limits = Isolation(memory_bytes=800_000_000)
    recognizer = voxport.load(hostile(graph(LABELS)), "cpu", isolate=limits)
    with pytest.raises(InferenceError, match=r"memory|bad_alloc"):
        recognizer.transcribe(SECOND)


def test_memory_is_watched_where_the_process_has_no_limit(hostile, monkeypatch):
    monkeypatch.setattr(Isolation, "memory_limit", lambda *_: 1_000_000)
    with pytest.raises(InferenceError, match=r"memory|ended its process"):
        voxport.load("commands", "cpu", isolate=True)


def test_a_crash_is_an_error_and_the_next_run_is_answered():
    recognizer = voxport.load("commands", "cpu", isolate=True)
    [process] = children()
    os.kill(process, signal.SIGSEGV)
    wait_until(lambda: not is_running(process))
    with pytest.raises(InferenceError, match=r"crashed its process: signal 11 \(SIGSEGV\)"):
        recognizer.transcribe(ONE_TWO_THREE)
    assert recognizer.transcribe(ONE_TWO_THREE).text == "ONE TWO THREE"


def test_errors_of_the_package_are_those_of_a_package_that_is_not_isolated(hostile):
    package = hostile(endless_graph(LABELS))
    replace_graph(package, b"no graph")
    messages = []
    for isolate in (False, True):
        with pytest.raises(PackageError) as caught:
            voxport.load(package, "cpu", isolate=isolate)
        messages.append((type(caught.value), str(caught.value), caught.value.subject))
    assert messages[0] == messages[1]


def test_threads_share_an_isolated_package():
    recognizer = voxport.load("commands", "cpu", isolate=True)
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(recognizer.transcribe(ONE_TWO_THREE).text))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["ONE TWO THREE"] * 4


def test_a_fork_has_a_process_of_its_own():
    """Two that share one would take each other's answers."""
    recognizer = voxport.load("commands", "cpu", isolate=True)
    before = children()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        fork = os.fork()
    if fork == 0:
        try:
            text = recognizer.transcribe(ONE_TWO_THREE).text
            os._exit(0 if text == "ONE TWO THREE" and children() else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 0
    assert children() == before
    assert recognizer.transcribe(ONE_TWO_THREE).text == "ONE TWO THREE"


def test_an_isolated_process_may_open_nothing():
    recognizer = voxport.load("commands", "cpu", isolate=True)
    [process] = children()
    limits = Path(f"/proc/{process}/limits").read_text().splitlines()
    soft = {line[:26].strip(): line.split()[-3:-1] for line in limits}
    assert soft["Max open files"] == ["0", "0"]
    assert soft["Max file size"] == ["0", "0"]
    assert soft["Max core file size"] == ["0", "0"]
    assert recognizer.transcribe(ONE_TWO_THREE).text == "ONE TWO THREE"


def test_the_process_ends_with_a_parent_that_is_killed(hostile):
    code = (
        "import sys, voxport, numpy; r = voxport.load(sys.argv[1], 'cpu', isolate=True); "
        "print('loaded', flush=True); r.transcribe(numpy.zeros(16000, numpy.float32))"
    )
    arguments = [sys.executable, "-c", code, hostile(endless_graph(LABELS))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"loaded\n"
        [process] = children(parent.pid)
        time.sleep(0.2)  # the run has begun
        parent.kill()
    wait_until(lambda: not is_running(process))


def test_ctrl_c_ends_both_processes(hostile):
    package = hostile(endless_graph(LABELS))
    arguments = process_arguments("transcribe", package, ONE_TWO_THREE, "--isolate")
    with subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # not as in the background
    ) as command:
        wait_until(lambda: children(command.pid))
        [process] = children(command.pid)
        time.sleep(1)
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=30)
    assert command.returncode == 130
    assert b"Traceback" not in said
    wait_until(lambda: not is_running(process))


def test_the_child_imports_from_nowhere_else(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('planted')")
    monkeypatch.chdir(tmp_path)
    assert voxport.load("commands", "cpu", isolate=True).transcribe(ONE_TWO_THREE).words


@pytest.mark.parametrize("limits", [{"run_seconds": 0}, {"memory_bytes": -1}, {"load_seconds": -2}])
def test_limits_that_allow_nothing_are_refused(limits):
    with pytest.raises(InputError, match="more than 0"):
        Isolation(**limits)


def test_another_isolate_is_refused():
    with pytest.raises(InputError, match="isolate must be True, False or an Isolation, got 'yes'"):
        voxport.load("commands", "cpu", isolate="yes")
