"""``voxport evaluate``: scores, failures, files, and what is written into a package."""

import json
import shutil

import jsonschema
import numpy as np
import pytest
import soundfile

import voxport
from support.command import YES, run
from support.data import SAMPLES
from voxport.errors import OutputError, PackageError
from voxport.evaluation import card
from voxport.evaluation.evaluate import EvaluationPlan, default_normalizers, evaluate
from voxport.evaluation.package_update import PENDING_NAME, update_package
from voxport.package.find import SHIPPED
from voxport.package.manifest import SIGNATURE_NAME, write_document
from voxport.package.read_manifest import read_manifest

pytest.importorskip("jiwer", reason='needs pip install "voxport[evaluate]"')
pytest.importorskip("whisper_normalizer")
TEXTS = {"yes": "Yes!", "seven": "seven", "one-two-three": "one two tree", "left-right": "left"}
FP32 = ("--precision", "fp32", "-p", "cpu")


@pytest.fixture
def manifest(tmp_path):
    files = {path.stem: path for path in SAMPLES.iterdir() if path.stem in TEXTS}
    rows = [
        {"audio": str(files[name]), "text": text, "speaker": f"s{n % 3}"}
        for n, (name, text) in enumerate(TEXTS.items())
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def package(tmp_path):
    """A copy of the shipped package."""
    return shutil.copytree(SHIPPED / "commands", tmp_path / "package")


def add(manifest, *rows):
    with manifest.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_every_artifact_is_scored_side_by_side(manifest):
    done = run("evaluate", "commands", manifest, "-p", "cpu", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one["artifact"] for one in found["artifacts"]] == ["model.onnx", "model.int8.onnx"]
    for one in found["artifacts"]:
        assert one["speakers"] == 3
        assert one["rtfx"] == one["audio_seconds"] / one["processing_seconds"]
        plain = one["rates"]["plain"]
        assert (plain["substitutions"], plain["insertions"], plain["deletions"]) == (1, 1, 0)
        assert plain["wer"] == 2 / 6
        assert plain["substituted"] == [["tree", "three", 1]]
        assert plain["inserted"] == {"right": 1}
    assert found["not_scored"] == found["failed"] == []
    assert {one["name"] for one in found["skipped"]} <= {"model.ts"}


def test_texts_are_those_of_transcribe(manifest):
    report = evaluate("commands", manifest, EvaluationPlan(provider="cpu", precisions=("int8",)))
    recognizer = voxport.load("commands", "cpu", precision="int8")
    (result,) = report.results
    for one in result.recordings:
        assert one.text == recognizer.transcribe(one.name).text


def test_broken_and_missing_audio_is_reported_and_not_scored(manifest, tmp_path):
    (tmp_path / "cut.flac").write_bytes(YES.read_bytes()[:9000])
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    names = ["cut.flac", "missing.wav", "folder.wav", "nan.wav"]
    add(manifest, *({"audio": name, "text": "yes"} for name in names))
    done = run("evaluate", "commands", manifest, *FP32, "-o", tmp_path / "out.jsonl")
    assert done.exit_code == 1
    assert "4 rows are not scored, 4 are" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {line["file"] for line in lines if "error" in line} == set(names)
    assert [line["plain"]["words"] for line in lines if "plain" in line] == [1, 1, 3, 1]
    for name in names:
        assert f"voxport: error: {name}: " in done.stderr
    assert "missing.wav: there is no such file" in done.stderr


def test_nothing_but_failures_is_an_error_without_a_rate(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text('{"audio": "a.wav", "text": "yes"}\n', encoding="utf-8")
    done = run("evaluate", "commands", path, *FP32, "--picture", tmp_path / "p.png")
    assert done.exit_code == 1
    assert "1 row is not scored, 0 are" in done.stderr
    assert not (tmp_path / "p.png").exists()
    path.write_text("", encoding="utf-8")
    done = run("evaluate", "commands", path, *FP32)
    assert done.exit_code == 1
    assert "has no row" in done.stderr


def test_recordings_too_short_for_a_frame_are_told(manifest, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    add(manifest, {"audio": "short.wav", "text": "yes"})
    done = run("evaluate", "commands", manifest, *FP32)
    assert "1 recordings too short for a frame" in done.stdout
    assert "yes 1" in done.stdout.partition("deletions:")[2]


def test_a_part_of_a_recording_is_scored_alone(tmp_path):
    one_two_three = SAMPLES / "one-two-three.flac"
    words = voxport.load("commands", "cpu").transcribe(one_two_three).words
    row = {"audio": str(one_two_three), "text": "one", "start": 0, "end": words[1].start - 0.1}
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"end": 99}), encoding="utf-8")
    (result,) = evaluate("commands", path, EvaluationPlan(precisions=("fp32",))).results
    assert [one.text for one in result.recordings] == ["ONE"]
    assert "the part is 0 to 99 s of a recording of" in result.bad_rows[0].reason


def test_the_leaderboard_s_normalizer_is_for_ascii_labels_only():
    model = read_manifest(SHIPPED / "commands").model
    assert default_normalizers(model) == ("plain", "leaderboard")
    french = type(model)(**{**vars(model), "labels": ("-", "|", "é")})
    assert default_normalizers(french) == ("plain",)


def test_a_picture_of_confusions_is_drawn(manifest, tmp_path):
    pytest.importorskip("matplotlib")
    done = run("evaluate", "commands", manifest, *FP32, "--picture", tmp_path / "p.svg")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "p.svg").stat().st_size > 10_000
    done = run("evaluate", "commands", manifest, *FP32, "--picture", tmp_path / "p.bmp")
    assert done.exit_code == 1
    assert "ends in .png" in done.stderr


def test_rates_are_written_into_manifest_and_card(manifest, package):
    before = json.loads((package / "manifest.json").read_bytes())
    for _ in range(2):  # the second replaces the first
        done = run("evaluate", package, manifest, "-p", "cpu", "--write")
        assert done.exit_code == 0, done.output
    found = read_manifest(package)
    assert [one.key for one in found.evaluations] == [
        (path, "set", name, None)
        for path in ("model.onnx", "model.int8.onnx")
        for name in ("plain", "leaderboard")
    ]
    assert found.evaluations[0].wer == 2 / 6
    assert voxport.verify(package, provider="cpu").ok
    after = json.loads((package / "manifest.json").read_bytes())
    schema = json.loads((SHIPPED.parent / "manifest.schema.json").read_bytes())
    jsonschema.validate(after, schema)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {"sha256", "evaluations", "files"}
    text = (package / "README.md").read_text("utf-8")
    assert text.count("## Measured error rates") == 1
    assert text.count("model-index:") == 1
    assert "| set | model.onnx | plain | 33.33% |" in text
    assert text.endswith((SHIPPED / "commands" / "README.md").read_text("utf-8")[-60:])


def test_the_card_s_metadata_is_what_the_hub_reads(manifest, package):
    hub = pytest.importorskip("huggingface_hub")
    report = evaluate(package, manifest, EvaluationPlan(provider="cpu", precisions=("fp32",)))
    text = "---\nlicence: x\nmodel-index:\n- name: old\n  results: []\ntags: [a]\n---\n# Card\n"
    updated = card.update_card(text, report.manifest, list(card.summarize(report)))
    data = hub.ModelCard(updated).data
    assert data["licence"] == "x"
    assert data["tags"] == ["a"]
    assert data.model_name == "commands"
    assert [(one.dataset_name, one.metric_type) for one in data.eval_results] == [
        ("set", "wer"), ("set", "cer"), ("set", "wer"), ("set", "cer"),
    ]  # fmt: skip
    assert data.eval_results[0].metric_value == 33.33
    assert "# Card\n" in updated


def test_incomplete_results_are_not_written(manifest, package):
    add(manifest, {"audio": "missing.wav", "text": "yes"})
    before = (package / "manifest.json").read_bytes()
    done = run("evaluate", package, manifest, *FP32, "--write")
    assert done.exit_code == 1
    assert "nothing is written into it" in done.stderr
    assert (package / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("is_signed", [True, False])
def test_signed_and_shipped_packages_are_not_changed(manifest, package, is_signed):
    (package / SIGNATURE_NAME).touch()
    done = run("evaluate", package if is_signed else "commands", manifest, *FP32, "--write")
    assert done.exit_code == 1
    assert ("is signed" if is_signed else "ships with voxport") in done.stderr


def test_the_hub_s_cache_is_not_changed(package, tmp_path):
    snapshot = tmp_path / "models--ann--small" / "snapshots" / ("ab" * 20)
    shutil.copytree(package, snapshot)
    with pytest.raises(OutputError, match="is in the Hub's cache"):
        update_package(snapshot, {"evaluations": []}, {})


def test_fields_of_a_later_voxport_survive_an_update(package):
    path = package / "manifest.json"
    document = json.loads(path.read_bytes()) | {"added_later": {"x": 1.5}}
    path.write_text(write_document(document), encoding="utf-8")
    update_package(package, {"evaluations": []}, {})
    assert json.loads(path.read_bytes())["added_later"] == {"x": 1.5}


def test_a_card_that_somebody_changed_is_left_alone(package):
    (package / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(PackageError, match=r"README\.md: not the file that the manifest records"):
        update_package(package, {}, {"README.md": b"new"})
    assert (package / "README.md").read_text("utf-8") == "mine"


def test_an_update_that_fails_puts_the_files_back(package, monkeypatch):
    names = ("README.md", "manifest.json")
    before = [(package / name).read_bytes() for name in names]

    def fail(self, target):
        if self.name == PENDING_NAME:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    path = type(package)
    rename = path.replace
    monkeypatch.setattr(path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        update_package(package, {"evaluations": []}, {"README.md": b"new"})
    monkeypatch.undo()
    assert [(package / name).read_bytes() for name in names] == before
    assert not (package / PENDING_NAME).exists()


def test_a_killed_update_is_finished_by_the_next(package, monkeypatch):
    """Killed between the two renames, the card is new and the manifest old."""

    class KilledError(BaseException):
        pass

    path = type(package)
    rename = path.replace

    def kill(self, target):
        if self.name == PENDING_NAME:
            raise KilledError
        return rename(self, target)

    monkeypatch.setattr(path, "replace", kill)
    monkeypatch.setattr("voxport.evaluation.package_update._undo", lambda *_: None)
    with pytest.raises(KilledError):
        update_package(package, {"evaluations": []}, {"README.md": b"new"})
    monkeypatch.undo()
    with pytest.raises(PackageError):
        update_package(package, {}, {"model.onnx": b""})
    assert (package / "README.md").read_bytes() == b"new"
    assert voxport.verify(package, provider="cpu", artifacts=["onnx"]).damaged == ()
    assert not (package / PENDING_NAME).exists()
