"""``voxport batch`` on a local Ray cluster of two nodes, one killed half-way.

Ray is not in the default environment: run in one that has ``voxport[cpu,ray]``, pytest and the
repository on its path.
"""

import json
import shutil
import threading
import time

import numpy as np
import pytest
import soundfile

import voxport
from support import data
from voxport.audio.files import audio_files
from voxport.audio.recording import read_clip
from voxport.batch.items import read_items
from voxport.batch.run import Cluster, run_batch
from voxport.batch.worker import WorkerSettings

ray = pytest.importorskip("ray", reason='needs pip install "voxport[ray]" in its own environment')
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CLIPS = 1000
LONG = 3
LONG_SECONDS = 600


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Real clips, three recordings of ten minutes made of them, and a corrupt file."""
    folder = tmp_path_factory.mktemp("recordings")
    found = audio_files(data.DATA / "commands") if data.DATA.is_dir() else []
    clips = found[:CLIPS] or audio_files(data.SAMPLES)
    for number, path in enumerate(clips):
        shutil.copy(path, folder / f"{number:04}{path.suffix}")
    waveforms = [read_clip(path, 16000).waveform for path in clips[:200]]
    whole = np.concatenate(waveforms * 20)[: LONG_SECONDS * 16000]
    for number in range(LONG):
        shifted = np.roll(whole, number * 12345)
        soundfile.write(folder / f"long-{number}.flac", shifted, 16000)
    (folder / "corrupt.flac").write_bytes(b"fLaC" + bytes(200))
    return folder


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster as RayCluster

    found = RayCluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "object_store_memory": 200_000_000},
    )
    found.second = found.add_node(num_cpus=2, object_store_memory=200_000_000)
    ray.init(address=found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


def rows_of(folder):
    texts = [path.read_text("utf-8") for path in folder.glob("part-*")]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_every_id_once_with_a_node_killed_half_way(recordings, cluster, tmp_path):
    settings = WorkerSettings("commands", str(tmp_path), "jsonl", "cpu", threads=1)
    total = len(read_items(str(recordings)))

    def kill_half_way():
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and len(rows_of(tmp_path)) < total / 3:
            time.sleep(0.2)
        killed.append(len(rows_of(tmp_path)))
        cluster.remove_node(cluster.second, allow_graceful=False)

    killed = []
    watcher = threading.Thread(target=kill_half_way)
    watcher.start()
    report = run_batch(str(recordings), settings, Cluster(2, "auto"), rows=40)
    watcher.join()
    assert 0 < killed[0] < total
    rows = rows_of(tmp_path)
    assert sorted(row["id"] for row in rows) == sorted(
        one.id for one in read_items(str(recordings))
    )
    assert report.rows == total
    by_id = {row["id"]: row for row in rows}
    assert by_id["corrupt.flac"]["error_kind"] == "AudioFileError"
    recognizer = voxport.load("commands", "cpu", threads=1)
    good = [path for path in audio_files(recordings) if path.name != "corrupt.flac"]
    for path, outcome in zip(good, recognizer.transcribe_each(good), strict=True):
        assert by_id[path.name]["text"] == outcome.transcript.text
    again = run_batch(str(recordings), settings, Cluster(2, "auto"), rows=40)
    assert (again.rows, again.kept) == (0, total)
    print(json.dumps({"rows": total, "killed_at": killed[0], "wall_s": report.wall_seconds}))
