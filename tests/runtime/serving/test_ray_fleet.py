"""A fleet on a local Ray cluster of two nodes, one of which is killed under load."""

import os
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("ray", reason='pip install "voxport[ray]"')

import voxport
from support.data import ROOT
from support.serving import SAMPLES, form, post

# Ray's own warnings are none of ours.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

PATHS = sorted(SAMPLES.glob("*.flac"))


def transcribe(url, path):
    body, headers = form(file=path.read_bytes(), model="commands", response_format="text")
    status, _, content = post(f"{url}/v1/audio/transcriptions", body, headers)
    return status, content.decode().strip()


def ask_many(url, count, clients, event=None):
    """Ask as several clients do; return the answers by number. ``event`` is set half-way."""
    found, numbers, lock = {}, iter(range(count)), threading.Lock()

    def run():
        while True:
            with lock:
                number = next(numbers, None)
                if event is not None and len(found) >= count // 2:
                    event.set()
            if number is None:
                return
            found[number] = transcribe(url, PATHS[number % len(PATHS)])

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_no_request_is_lost_with_a_node_that_is_killed_under_load():
    import ray
    import uvicorn
    from ray.cluster_utils import Cluster

    from voxport.serving.api_keys import ApiKeys
    from voxport.serving.front import Front
    from voxport.serving.metrics import Metrics
    from voxport.serving.middleware import Gate
    from voxport.serving.ray_fleet import FleetOptions, start_fleet, stop_fleet
    from voxport.serving.run import ServedPackage, ServerOptions, _listen

    recognizer = voxport.load("commands", "cpu", threads=1)
    expected = [recognizer.transcribe(str(path)).text for path in PATHS]
    size = {"num_cpus": 2, "object_store_memory": 200_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=size | {"include_dashboard": False})
    node = cluster.add_node(**size)
    fleet = FleetOptions(cluster.address, min_replicas=3, max_replicas=3)
    options = ServerOptions()
    try:
        replicas = start_fleet([ServedPackage("commands", "commands")], options, fleet, print)
        front = Front(replicas, options.settings, Metrics().render)
        gate = Gate(front, ApiKeys([]), options.settings, lambda *_: None)
        listener = _listen("127.0.0.1", 0)
        config = uvicorn.Config(gate, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, args=([listener],))
        serving.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        is_half = threading.Event()
        killer = threading.Thread(
            target=lambda: is_half.wait(120) and cluster.remove_node(node, allow_graceful=False)
        )
        killer.start()
        found = ask_many(url, 200, 12, is_half)
        killer.join()
        repeats = front.repeats
        after = ask_many(url, 20, 4)
        server.should_exit = True
        serving.join()
    finally:
        stop_fleet(is_own=True)
        cluster.shutdown()
        assert not ray.is_initialized()
    assert found == {n: (200, expected[n % len(PATHS)]) for n in range(200)}
    assert after == {n: (200, expected[n % len(PATHS)]) for n in range(20)}
    assert repeats > 0


def test_the_command_serves_from_an_embedded_ray_and_leaves_with_0():
    command = [sys.executable, "-m", "voxport", "serve", "commands", "--port", "0", "--ray"]
    process = subprocess.Popen(
        [*command, "--max-replicas", "1"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"RAY_object_store_memory": "200000000"},
    )
    lines = []
    while not lines or "listening on" not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], "".join(lines)
    url = lines[-1].split()[3]
    try:
        assert transcribe(url, SAMPLES / "one-two-three.flac") == (200, "ONE TWO THREE")
        assert post(f"{url}/v1/models", None, method="GET")[0] == 200
        assert post(f"{url}/ready", None, method="GET")[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 0, errors


def test_the_number_of_replicas_follows_the_queued_audio():
    from voxport.serving.ray_fleet import choose_replicas

    assert [choose_replicas(seconds, 1, 20.0) for seconds in (0, 20, 21, 90)] == [1, 1, 2, 5]
    assert [choose_replicas(seconds, 5, 20.0) for seconds in (0, 90, 200)] == [4, 5, 10]
