"""The blank is the most frequent label of a trained model, or the export stops."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from support import data
from voxport.cli import app
from voxport.package.manifest import ModelInfo
from voxport.package.read_manifest import read_manifest
from voxport.verification.comparison import Expected
from voxport.verification.verify import verify
from voxport_export.errors import BlankError, ExportError
from voxport_export.package.export import Options, export_package
from voxport_export.parity.blank_gate import judge_blank

SAMPLE = data.SAMPLES / "yes.flac"
COMMANDS = data.ROOT / "models" / "commands"


def export(model, output, *options):
    args = ["export", model, "-o", output, "-f", "torchscript", *options]
    return CliRunner().invoke(app, list(map(str, args)))


def commands_with(tmp_path, **fields):
    folder = tmp_path / "commands"
    folder.mkdir()
    for name in ("config.json", "weights.safetensors"):
        shutil.copy(COMMANDS / name, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))
    return folder


def test_the_right_blank_of_a_trained_model_passes_and_is_measured(tmp_path):
    result = export("commands", tmp_path / "out")
    assert result.exit_code == 0, result.output
    gate = read_manifest(tmp_path / "out").blank_gate
    assert not gate.forced
    assert gate.share > 0.5 > gate.rival_share
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"the best label of {gate.share:.0%} of the frames" in card


@pytest.mark.parametrize("blank", [1, 5])
def test_a_wrong_blank_of_a_trained_model_is_caught(tmp_path, blank):
    folder = commands_with(tmp_path, blank=blank)
    result = export(folder, tmp_path / "out")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "a trained CTC model gives its blank most often" in result.stderr
    assert "'-' (index 0)" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["commands"]


def test_the_callers_blank_is_judged_too(tmp_path):
    assert export("commands", tmp_path / "out", "--blank", "|").exit_code == 1
    assert not (tmp_path / "out").exists()
    folder = commands_with(tmp_path, blank=1)
    result = export(folder, tmp_path / "out", "--blank", "-")
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.model.blank, manifest.model.overrides) == (0, {"blank": "-"})
    assert "by --blank" in result.stderr
    assert verify(tmp_path / "out", against="eager", artifacts=("torchscript",)).ok


def test_force_writes_it_and_says_so(tmp_path):
    folder = commands_with(tmp_path, blank=1)
    result = export(folder, tmp_path / "out", "--force")
    assert result.exit_code == 0, result.output
    assert "warning: the blank is not the most frequent label" in result.stderr
    assert read_manifest(tmp_path / "out").blank_gate.forced
    assert "**forced**" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_blank_that_is_no_label_is_refused(tmp_path):
    result = export("commands", tmp_path / "out", "--blank", "?")
    assert result.exit_code == 1
    assert "--blank '?' is not one of its" in result.stderr


def test_normalisation_is_not_the_callers_where_the_source_states_it(tmp_path):
    with pytest.raises(ExportError, match="its own files state the normalisation"):
        export_package("commands", tmp_path / "out", Options(normalize=True, audio=(SAMPLE,)))


def test_without_a_head_there_is_no_blank(headless):
    assert read_manifest(headless).blank_gate is None


class FakeSource:
    name, transcribes = "fake", True

    def __init__(self, labels, blank):
        self.labels, self.blank = labels, blank


def answers(*labels, count=4):
    emission = np.eye(count, dtype=np.float32)[list(labels)]
    return [Expected("clip", np.zeros(1, np.float32), emission, "", (), (), ())]


def test_a_tie_is_no_wrong_blank():
    gate = judge_blank(FakeSource(("-", "", "a", "b"), 0), answers(0, 2, 0, 2), force=False)
    assert (gate.share, gate.rival, gate.rival_share, gate.forced) == (0.5, 2, 0.5, False)


def test_the_label_that_wins_is_named():
    with pytest.raises(BlankError, match=r"'<s>' \(index 1\) of 67%"):
        judge_blank(FakeSource(("-", "<s>", "a", "b"), 0), answers(1, 1, 0), force=False)


def test_an_aligner_with_a_star_is_not_judged():
    source = FakeSource(("-", "*", "a", "b"), 0)
    assert judge_blank(source, answers(1, 1, 1), force=False) is None


def test_the_manifest_is_read_back_as_written(tmp_path):
    folder = commands_with(tmp_path, blank=1)
    written = export_package(
        str(folder),
        tmp_path / "out",
        Options(formats=("torchscript",), audio=(SAMPLE,), blank="-"),
    )
    assert isinstance(written.model, ModelInfo)
    found = read_manifest(tmp_path / "out")
    assert (found.model.notes, found.model.overrides) == (
        written.model.notes,
        written.model.overrides,
    )
    assert found.blank_gate == written.blank_gate


def test_weights_without_a_dominant_label_are_untrained_and_only_recorded():
    """Seeded weights export with no option: no label is on 40 % of their frames."""
    source = FakeSource(("-", "", "a", "b", "c"), 0)
    expected = answers(0, 1, 1, 1, 2, 2, 3, 4, 4, 0, count=5)
    gate = judge_blank(source, expected, force=False)
    assert (gate.share, gate.rival, gate.rival_share, gate.forced) == (0.2, 1, 0.3, True)
