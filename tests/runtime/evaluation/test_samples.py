"""Manifests in every form; rows that cannot be scored are counted, never dropped."""

import json
import shutil
from pathlib import Path

import pytest

from support.command import SEVEN, YES
from voxport.errors import InputError
from voxport.evaluation.samples import BadRow, Sample, SampleSet


def write_lines(path, *rows):
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def read(path, **options):
    return list(SampleSet(path, **options))


@pytest.mark.parametrize("audio", ["audio", "audio_filepath", "path", "file", "file_name"])
@pytest.mark.parametrize("text", ["text", "sentence", "transcript", "transcription"])
def test_a_line_of_json_names_audio_and_text_in_the_field_s_usual_words(tmp_path, audio, text):
    path = write_lines(tmp_path / "m.jsonl", {audio: "a.wav", text: "yes", "speaker": 7})
    assert read(path) == [Sample("a.wav", tmp_path / "a.wav", "yes", "7")]


def test_lines_that_cannot_be_scored_are_kept_with_their_reason(tmp_path):
    path = write_lines(
        tmp_path / "m.jsonl",
        "{not json",
        "[1]",
        {"text": "yes"},
        {"audio": "a.wav"},
        {"audio": 3, "text": "yes"},
        {"audio": "a.wav", "text": "yes", "start": 2, "end": 1},
        {"audio": "a.wav", "text": "ignore time segment in scoring"},
        "",
        {"audio": "b.wav", "text": ""},
    )
    *bad, good = read(path)
    assert [row.name for row in bad[:3]] == ["m.jsonl:1", "m.jsonl:2", "m.jsonl:3"]
    reasons = [row.reason for row in bad]
    for reason, expected in zip(
        reasons,
        ["not JSON", "not a JSON object", "names no audio", "has no reference text",
         "expected a path", "the end after the start", "its reference is"],
        strict=True,
    ):  # fmt: skip
        assert expected in reason
    assert good == Sample("b.wav", tmp_path / "b.wav", "")


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({"start": 1, "end": 2.5}, (1.0, 2.5)),
        ({"offset": 1.5, "duration": 2}, (1.5, 3.5)),
        ({"start": 1}, (1.0, None)),
        ({"end": 2}, (0.0, 2.0)),
        ({"duration": 9}, (0.0, None)),  # the recording's own length, in most manifests
    ],
)
def test_a_part_of_a_recording_has_a_start_and_an_end(tmp_path, span, expected):
    path = write_lines(tmp_path / "m.jsonl", {"audio": "a.wav", "text": "yes", **span})
    (sample,) = read(path)
    assert (sample.start, sample.end) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", 'path,sentence,client_id\na.wav,"yes, seven",x\n'),
        ("m.csv", "path;sentence;client_id\na.wav;yes, seven;x\n"),
        ("m.tsv", "client_id\tpath\tsentence\nx\ta.wav\tyes, seven\n"),
    ],
)
def test_a_table_has_the_same_fields(tmp_path, name, content):
    (tmp_path / name).write_text("\ufeff" + content, encoding="utf-8")
    assert read(tmp_path / name) == [Sample("a.wav", tmp_path / "a.wav", "yes, seven", "x")]


def test_a_table_s_row_of_another_width_is_bad(tmp_path):
    (tmp_path / "m.csv").write_text("path,text\na.wav,yes,no\nb.wav\n", encoding="utf-8")
    assert all("number of cells" in row.reason for row in read(tmp_path / "m.csv"))
    assert len(read(tmp_path / "m.csv")) == 2


def test_a_folder_has_a_text_beside_each_recording(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(YES, tmp_path / "in" / "yes.flac")
    shutil.copy(SEVEN, tmp_path / "seven.wav")
    (tmp_path / "in" / "yes.txt").write_text("Yes.\n", encoding="utf-8")
    (tmp_path / "gone.txt").write_text("gone", encoding="utf-8")
    found = {row.name: row for row in read(tmp_path)}
    assert found["in/yes.flac"] == Sample("in/yes.flac", tmp_path / "in" / "yes.flac", "Yes.")
    assert found["seven.wav"] == BadRow("seven.wav", "there is no seven.txt beside it")
    assert found["gone.txt"] == BadRow("gone.txt", "there is no recording beside it")


def test_paths_may_start_in_another_folder(tmp_path):
    path = write_lines(tmp_path / "m.jsonl", {"audio": "a.wav", "text": "yes"})
    (sample,) = read(path, audio_folder=tmp_path / "clips")
    assert sample.audio == tmp_path / "clips" / "a.wav"


@pytest.mark.parametrize("name", ["missing.jsonl", "notes.txt"])
def test_what_is_no_manifest_is_an_error(tmp_path, name):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"no such manifest|expected a manifest"):
        read(tmp_path / name)


def test_a_set_is_named_after_its_manifest_or_its_folder():
    assert SampleSet(Path("/data/digits.jsonl")).name == "digits"
    assert SampleSet(Path("/data/digits/manifest.jsonl")).name == "digits/manifest"


@pytest.fixture
def dataset(tmp_path):
    """A dataset with bytes in one row and a path in the other, in two splits."""
    datasets = pytest.importorskip("datasets", reason='needs pip install "voxport[datasets]"')
    columns = {
        "clip": [{"bytes": YES.read_bytes(), "path": None}, {"bytes": None, "path": str(SEVEN)}],
        "text": ["yes", "seven"],
        "speaker_id": [1, None],
    }
    # Encoding needs torchcodec; a cast of what is encoded does not
    rows = datasets.Dataset.from_dict(columns).cast_column("clip", datasets.Audio())
    datasets.DatasetDict(test=rows, dev=rows.select([0])).save_to_disk(str(tmp_path / "two"))
    rows.save_to_disk(str(tmp_path / "one"))
    return tmp_path


def test_a_dataset_on_disk_gives_its_stored_audio(dataset):
    first, second = read(dataset / "one")
    assert (first.audio, first.text, first.speaker) == (YES.read_bytes(), "yes", "1")
    assert (second.name, second.audio) == ("seven.wav", SEVEN.read_bytes())
    assert (second.text, second.speaker) == ("seven", None)
    assert read(dataset / "two", split="test") == [first, second]


def test_a_split_must_be_named_where_there_are_several(dataset):
    with pytest.raises(InputError, match="the splits test, dev: name one with --split"):
        read(dataset / "two")
    with pytest.raises(InputError, match="has no split 'train', only test, dev"):
        read(dataset / "two", split="train")
    with pytest.raises(InputError, match="has no splits"):
        read(dataset / "one", split="test")
