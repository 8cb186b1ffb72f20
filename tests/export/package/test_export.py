"""Whole packages: exported, loaded again from disk, compared with eager torchaudio."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from support import data
from support.graphs import EDGES
from voxport.backends.open import open_artifact
from voxport.cli import app
from voxport.package.manifest import KINDS
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify
from voxport_export.errors import ExportError, ParityError
from voxport_export.package.export import Options, export_package
from voxport_export.parity import eager
from voxport_export.sources.resolve import resolve
from voxport_export.sources.source import EagerReference

SAMPLE = data.SAMPLES / "yes.flac"
PADDINGS = {"nan": np.nan, "silence": 0.0, "noise": None}


@pytest.fixture(scope="module", params=["onnx", "torchscript"])
def artifact(request, exported):
    manifest = read_manifest(exported)
    found = next(item for item in manifest.artifacts if item.kind == request.param)
    return open_artifact(exported, found, provider="cpu")


@pytest.fixture(scope="module")
def rows():
    """Speech of every edge's length: the samples, end to end."""
    speech = [soundfile.read(p, dtype="float32")[0] for p in sorted(data.SAMPLES.glob("*.flac"))]
    speech = np.concatenate([one if one.ndim == 1 else one.mean(axis=1) for one in speech])
    speech = np.tile(speech, 1 + max(EDGES) // len(speech))
    return {samples: speech[500 : 500 + samples] for samples in EDGES}


def run(artifact, waveforms, padding, extra=0):
    lengths = np.array([len(w) for w in waveforms], np.int64)
    shape = (len(waveforms), lengths.max() + extra)
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    batch = noise if padding is None else np.full(shape, padding, np.float32)
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = waveform
    return artifact.run(batch, lengths)


def answer(output, row):
    frames, count = output.emission_lengths[row], output.token_lengths[row]
    exact = [
        values[row, :count].tolist()
        for values in (output.tokens, output.token_starts, output.token_ends)
    ]
    return output.emission[row, :frames], [int(frames), *exact, str(output.transcript[row])]


@pytest.fixture(scope="module")
def alone(artifact, rows):
    answers = {n: answer(run(artifact, [w], 0.0), 0) for n, w in rows.items()}
    assert [answers[n][1][0] for n in EDGES] == [0, 0, 0, 1, 1, 15, 499]
    assert [answers[n][1][-1] for n in EDGES[:3]] == ["", "", ""]
    assert len(answers[160_000][1][-1]) > 10
    return answers


def check(output, order, alone):
    for row, samples in enumerate(order):
        emission, exact = answer(output, row)
        expected, exactly = alone[samples]
        assert exact == exactly
        bound = 1e-4 * max(1.0, float(np.abs(expected).max(initial=0.0)))
        assert float(np.abs(emission - expected).max(initial=0.0)) <= bound
        assert not output.emission[row, exact[0] :].any()


@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
def test_batch_exact_in_any_order(artifact, rows, alone, padding):
    order = list(EDGES)
    for seed, extra in enumerate((0, 777)):
        random.Random(seed).shuffle(order)
        check(run(artifact, [rows[n] for n in order], padding, extra), order, alone)


def test_batch_exact_at_any_size(artifact, rows, alone):
    for size in (1, 2, 3, 5):
        order = list(itertools.islice(itertools.cycle([5_000, 400, 0, 401]), size))
        check(run(artifact, [rows[n] for n in order], np.nan), order, alone)


@torch.no_grad()
def test_equals_eager_torchaudio(artifact, rows, narrow_model, exported):
    manifest = read_manifest(exported)
    source = resolve(str(narrow_model))
    for samples in (0, 399, 400, 16_001, 160_000):
        waveform = np.resize(rows[160_000], samples)
        emission = eager.eager_emission(source, torch.from_numpy(waveform), 400)
        runs = eager.decode_emission(emission, source.blank)
        found, (frames, tokens, starts, ends, text) = answer(run(artifact, [waveform], 0.0), 0)
        bound = 1e-4 * max(1.0, float(emission.abs().max()) if frames else 0.0)
        assert float(np.abs(found - emission.numpy()).max(initial=0.0)) <= bound
        assert list(zip(tokens, starts, ends, strict=True)) == runs
        labels = manifest.model.labels
        assert text == "".join(labels[run.label] for run in runs).replace("|", " ")


def test_the_manifest_states_what_was_measured(exported):
    manifest = read_manifest(exported)
    assert [a.path for a in manifest.artifacts] == ["model.onnx", "model.ts"]
    assert [parity.artifact for parity in manifest.parity] == ["model.onnx", "model.ts"]
    for parity in manifest.parity:
        assert parity.clips == len(manifest.golden) == 2
        assert 0 < parity.max_emission_difference <= parity.emission_tolerance
        assert (parity.equal_transcripts, parity.cer) == (1.0, 0.0)
    model = manifest.model
    assert (model.frame_stride, model.receptive_field, model.licence) == (320, 400, "CC0-1.0")
    card = (exported / "README.md").read_text()
    assert "CC0-1.0" in card
    assert "model.ts" in card


def test_verify_against_eager(exported):
    recordings = [data.SAMPLES / "stop.flac", data.SAMPLES / "go-up.ogg"]
    assert verify(exported, against="eager", artifacts=KINDS).ok
    report = verify(exported, against="eager", audio=recordings, artifacts=KINDS)
    assert report.ok
    assert len(report.checks) == 4


def test_one_format_only(narrow_model, tmp_path):
    options = Options(formats=("torchscript",), audio=(SAMPLE,))
    manifest = export_package(str(narrow_model), tmp_path / "package", options)
    assert [item.kind for item in manifest.artifacts] == ["torchscript"]
    assert not (tmp_path / "package" / "model.onnx").exists()


def test_recordings_without_a_frame_prove_nothing(narrow_model, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(399), 16_000)
    with pytest.raises(ExportError, match="too short to compare on"):
        export_package(
            str(narrow_model), tmp_path / "package", Options(audio=(tmp_path / "short.wav",))
        )
    assert not (tmp_path / "package").exists()


def test_a_failed_comparison_writes_no_package(narrow_model, tmp_path, monkeypatch):
    forward = EagerReference.forward

    def differ(self, waveform):
        emission, lengths = forward(self, waveform)
        return emission + 0.01 * float(emission.abs().max()), lengths

    monkeypatch.setattr(EagerReference, "forward", differ)
    with pytest.raises(ParityError, match=r"model\.ts does not answer as eager.*yes\.flac"):
        export_package(
            str(narrow_model),
            tmp_path / "package",
            Options(formats=("torchscript",), audio=(SAMPLE,)),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value", "names"),
    [
        ("--format", "onx", "onnx, torchscript, exported-program"),
        ("--precision", "fp31", "fp32, int8, fp16"),
        ("--layout", "tritn", "sherpa-onnx, huggingface, triton"),
    ],
)
def test_wrong_usage_names_what_there_is(narrow_model, tmp_path, option, value, names):
    args = ["export", str(narrow_model), "-o", str(tmp_path / "package"), option, value]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 2
    assert f": {value!r} is not one of {names} (see voxport export --help)\n" in result.stderr


def test_outputs_without_a_label_are_told_of(narrow_model, tmp_path):
    folder = shutil.copytree(narrow_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["labels"][-2:] = ["", ""]
    (folder / "config.json").write_text(json.dumps(config))
    args = ["export", folder, "-o", tmp_path / "package", "-f", "torchscript", "--audio", SAMPLE]
    result = CliRunner().invoke(app, list(map(str, args)))
    assert result.exit_code == 0, result.output
    assert "warning: 2 of 11 outputs have no label in the model's vocabulary" in result.stderr


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_export_leaves_no_package(narrow_model, tmp_path, sign):
    command = [sys.executable, "-m", "voxport", "export", str(narrow_model)]
    options = ["-o", str(tmp_path / "package"), "--format", "onnx", "--audio", str(SAMPLE)]
    process = subprocess.Popen(
        [*command, *options], stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    with process:
        seen = b""
        while b"Exporting" not in seen:
            more = process.stderr.read1(100)
            assert more, f"ended too early: {seen.decode()}"
            seen += more
        process.send_signal(sign)
    assert process.returncode not in (0, None)
    assert not (tmp_path / "package").exists()
    if sign == signal.SIGINT:
        assert list(tmp_path.iterdir()) == []
