"""``voxport batch`` without a cluster: inputs, rows, partitions, resuming, long recordings."""

import csv
import json
import shutil

import numpy as np
import pytest
import soundfile

import voxport
from support import data
from support.command import run, transcribe
from voxport.audio.files import audio_files
from voxport.audio.recording import read_clip
from voxport.batch import run as batch_run
from voxport.batch.items import Item, read_items, split
from voxport.batch.run import Cluster, run_batch
from voxport.batch.store import BatchStore
from voxport.batch.worker import Worker, WorkerSettings, join_windows, transcribe_items
from voxport.errors import InputError, OutputError

fsspec = pytest.importorskip("fsspec", reason='needs pip install "voxport[batch]"')
parquet = pytest.importorskip("pyarrow.parquet", reason='needs pip install "voxport[batch]"')
arrow = pytest.importorskip("pyarrow")

SAMPLES = data.SAMPLES
YES = SAMPLES / "yes.flac"


def settings(output, form="jsonl", **more):
    return WorkerSettings("commands", str(output), form, "cpu", threads=1, **more)


def rows_of(folder):
    texts = [path.read_text("utf-8") for path in folder.glob("part-*")]
    found = [json.loads(line) for text in texts for line in text.splitlines()]
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


@pytest.fixture(scope="module")
def recognizer():
    return voxport.load("commands", "cpu", threads=1)


def test_rows_are_what_transcribe_prints(tmp_path):
    report = run_batch(str(SAMPLES), settings(tmp_path), rows=4)
    rows = rows_of(tmp_path)
    files = audio_files(SAMPLES)
    lines = transcribe("commands", *files, "--format", "json").stdout.splitlines()
    expected = {json.loads(line)["file"]: json.loads(line) for line in lines}
    assert len(rows) == report.rows == len(files)
    for path in files:
        row = rows[path.name]
        assert {key: row[key] for key in ("text", "duration", "words")} == {
            key: expected[str(path)][key] for key in ("text", "duration", "words")
        }
    assert len(list(tmp_path.glob("part-*"))) == -(-len(files) // 4)


def test_the_same_call_again_does_nothing(tmp_path):
    run_batch(str(SAMPLES), settings(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    report = run_batch(str(SAMPLES), settings(tmp_path))
    assert (report.rows, report.kept) == (0, len(rows_of(tmp_path)))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_an_interrupted_job_goes_on(tmp_path, monkeypatch):
    write, written = BatchStore.write, []

    def stop_after_two(self, rows):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(rows)
        write(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(BatchStore, "write", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            run_batch(str(SAMPLES), settings(tmp_path), rows=2)
    assert len(rows_of(tmp_path)) == 4
    report = run_batch(str(SAMPLES), settings(tmp_path), rows=3)
    assert report.kept == 4
    assert len(rows_of(tmp_path)) == report.rows + report.kept == len(read_items(str(SAMPLES)))


def test_a_broken_recording_is_a_row_with_its_error(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(YES, tmp_path / "in" / "yes.flac")
    (tmp_path / "in" / "broken.flac").write_bytes(YES.read_bytes()[:500])
    (tmp_path / "in" / "empty.wav").write_bytes(b"")
    report = run_batch(str(tmp_path / "in"), settings(tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    assert rows["yes.flac"]["text"] == "YES"
    assert rows["empty.wav"]["error"] == "the file is empty (0 bytes)"
    assert rows["broken.flac"]["error_kind"] == "AudioFileError"
    assert rows["broken.flac"]["text"] is None
    assert report.failures == {"AudioFileError": 2}


def test_a_manifest_names_ids_and_parts(tmp_path, recognizer):
    shutil.copy(YES, tmp_path / "yes.flac")
    with (tmp_path / "list.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerows(
            [
                ["id", "path", "start", "end"],
                ["whole", "yes.flac", "", ""],
                ["part", "yes.flac", "0.25", "0.75"],
                ["behind", "yes.flac", "100", "101"],
                ["missing", "no.flac", "", ""],
            ]
        )
    run_batch(str(tmp_path / "list.csv"), settings(tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    samples = soundfile.read(YES, dtype="float32")[0]
    expected = recognizer.transcribe(samples[4000:12000])
    assert (rows["part"]["text"], rows["part"]["duration"]) == (expected.text, 0.5)
    assert rows["whole"]["text"] == "YES"
    assert rows["behind"]["error"].startswith("has no audio from 100 s to 101 s: it has ")
    assert rows["missing"]["error"] == "there is no such file"


def test_bytes_in_parquet_into_parquet_on_an_object_store(tmp_path):
    clips = {path.name: path.read_bytes() for path in (YES, SAMPLES / "seven.wav")}
    table = arrow.table({"id": list(clips), "bytes": list(clips.values())})
    parquet.write_table(table, tmp_path / "clips.parquet", row_group_size=1)
    place = "memory://batch-test/texts"
    report = run_batch(str(tmp_path / "clips.parquet"), settings(place, "parquet"))
    assert report.rows == 2
    system = fsspec.filesystem("memory")
    (part,) = system.glob("/batch-test/texts/part-*")
    with system.open(part) as file:
        found = parquet.read_table(file).to_pylist()
    assert {row["id"]: row["text"] for row in found} == {"yes.flac": "YES", "seven.wav": "SEVEN"}
    assert found[0]["words"][0].keys() == {"text", "start", "end", "score"}
    assert run_batch(str(tmp_path / "clips.parquet"), settings(place, "parquet")).rows == 0


def test_recordings_on_an_object_store():
    system = fsspec.filesystem("memory")
    system.pipe_file("/batch-input/a/yes.flac", YES.read_bytes())
    system.pipe_file("/batch-input/notes.txt", b"no audio")
    run_batch("memory://batch-input", settings("memory://batch-output"))
    (part,) = system.glob("/batch-output/part-*")
    row = json.loads(system.cat_file(part))
    assert (row["id"], row["text"]) == ("a/yes.flac", "YES")


def test_jsonl_and_globs(tmp_path):
    shutil.copytree(SAMPLES, tmp_path / "in")
    lines = [{"audio_filepath": "in/yes.flac"}, {"path": str(YES), "id": 7}]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    items = read_items(str(tmp_path / "list.jsonl"))
    assert [item.id for item in items] == ["in/yes.flac", "7"]
    assert all(item.bytes == YES.stat().st_size for item in items)
    assert {item.id for item in read_items(f"{tmp_path}/in/*.wav")} == {
        path.name for path in SAMPLES.glob("*.wav")
    }


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"path": "a.wav"}\n{"path": "a.wav"}\n', "two recordings have the id 'a.wav'"),
        ("a.jsonl", "{\n", "line 1 is not JSON"),
        ("a.jsonl", "[]\n", "line 1 is no object"),
        ("a.csv", "id\n1\n", "row 0 names no recording: expected path"),
        ("a.csv", "path,start\na.wav,soon\n", "row 0: start must be seconds, got 'soon'"),
        ("a.csv", "path\n", "there is no recording in it"),
        ("no/", None, "there is no such file or folder"),
        ("no.jsonl", None, "there is no such file or folder"),
    ],
)
def test_an_input_that_is_not_as_it_must_be(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_items(str(tmp_path / name))


def test_results_of_another_model_are_not_mixed_in(tmp_path):
    run_batch(str(SAMPLES), settings(tmp_path))
    with pytest.raises(OutputError, match="another model, other options or another format"):
        run_batch(str(SAMPLES), settings(tmp_path, precision="int8"))
    with pytest.raises(OutputError, match="another format"):
        run_batch(str(SAMPLES), settings(tmp_path, "parquet"))


def test_partitions_hold_recordings_of_like_length_whatever_their_folders():
    items = [Item(f"{folder}/{size}", bytes=size) for folder in "ab" for size in (1, 50, 9)]
    sizes = [[item.bytes for item in part] for part in split(items, 2)]
    assert sizes == [[50, 50], [9, 9], [1, 1]]


def test_windows_on_several_workers_join_to_the_same_transcript(tmp_path, recognizer):
    clips = [read_clip(path, 16000).waveform for path in audio_files(SAMPLES)]
    samples = np.concatenate([*clips] * (150 * 16000 // sum(map(len, clips)) + 1))
    soundfile.write(tmp_path / "long.flac", samples, 16000)
    item = Item("long", str(tmp_path / "long.flac"), (tmp_path / "long.flac").stat().st_size)
    seconds = batch_run._long_seconds(item, recognizer)
    assert seconds == pytest.approx(len(samples) / 16000)
    tasks = list(batch_run._window_tasks(item, 3 * seconds, 9))  # a header may promise too much
    assert len(tasks) > 1
    worker = Worker(settings(tmp_path / "out"))
    found = [worker.run(task) for task in reversed(tasks)]
    row = join_windows(recognizer, item, found, recognizer.result_settings)
    assert row == next(transcribe_items(recognizer, [item]))
    assert len(row["text"]) > 100


def test_two_processes_share_the_work(tmp_path):
    report = run_batch(str(SAMPLES), settings(tmp_path), Cluster(workers=2), rows=3)
    assert len(rows_of(tmp_path)) == report.rows == len(read_items(str(SAMPLES)))


def test_the_command_reports_and_resumes(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(YES, tmp_path / "in" / "yes.flac")
    (tmp_path / "in" / "broken.wav").write_bytes(b"RIFF")
    command = ["batch", tmp_path / "in", tmp_path / "out", "--format", "jsonl", "--threads", "1"]
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    assert "2 recordings written, 0 there already" in result.stderr
    assert "1 failed: AudioFileError" in result.stderr
    assert "0 recordings written, 2 there already" in run(*command).stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--format", "csv"], 2, "'csv' is not one of parquet, jsonl"),
        (["--package", "no-such-model"], 1, "neither a folder nor a shipped model"),
        (["--rows", "0"], 2, "--rows"),
    ],
)
def test_wrong_usage(tmp_path, options, code, message):
    result = run("batch", SAMPLES, tmp_path / "out", *options)
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_cluster_needs_ray(tmp_path, without):
    without("ray")
    result = run("batch", SAMPLES, tmp_path / "out", "--address", "local")
    assert result.exit_code == 1
    assert 'pip install "voxport[ray]"' in result.stderr
