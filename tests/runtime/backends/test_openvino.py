"""OpenVINO as the second engine for the same file: its answers equal those of onnxruntime."""

import threading

import numpy as np
import pytest
import soundfile

import voxport
from support import data
from voxport.backends.contract import DECODED, EMISSION, OUTPUTS
from voxport.backends.open import open_artifact
from voxport.errors import InferenceError, MissingDependencyError
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify

SAMPLES = [data.SAMPLES / name for name in ("yes.flac", "seven.wav", "stop.flac")]


@pytest.fixture(scope="module")
def openvino():
    return pytest.importorskip("openvino", reason='needs pip install "voxport[openvino]"')


@pytest.fixture(scope="module")
def both(exported, openvino):
    manifest = read_manifest(exported)
    return [
        open_artifact(exported, manifest.artifacts[0], name, threads=1, model=manifest.model)
        for name in ("cpu", "openvino")
    ]


def test_answers_equal_those_of_onnxruntime(both):
    speech = [soundfile.read(path, dtype="float32")[0] for path in SAMPLES]
    lengths = np.array([*map(len, speech), 0, 399, 400])
    batch = np.full((len(lengths), lengths.max()), np.nan, np.float32)
    for row, samples in zip(batch, [*speech, *(speech[0][:n] for n in lengths[3:])], strict=True):
        row[: len(samples)] = samples
    first, second = (backend.run(batch, lengths) for backend in both)
    limit = 1e-4 * max(1, np.abs(first.emission).max())
    assert np.abs(first.emission - second.emission).max() <= limit
    assert list(map(str, first.transcript)) == list(second.transcript)
    assert len(set(second.transcript)) > 2
    for name in ("emission_lengths", "tokens", "token_lengths", "token_starts", "token_ends"):
        expected, found = getattr(first, name), getattr(second, name)
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("frames", [48, 49, 52, 53, 97, 98, 104, 105, 147, 156])
def test_filled_and_flexible_blocks_agree_with_onnxruntime(both, frames):
    waveform = np.random.default_rng(frames).standard_normal((2, 400 + 320 * (frames - 1)))
    lengths = np.array([waveform.shape[1], waveform.shape[1] // 2])
    waveform = waveform.astype(np.float32)
    first, second = (backend.run(waveform, lengths, EMISSION).emission for backend in both)
    assert first.shape == second.shape == (2, frames, first.shape[-1])
    assert np.abs(first - second).max() <= 1e-4 * max(1, np.abs(first).max())


def test_changing_lengths_keep_agreeing(both):
    """OpenVINO keeps what it compiled for a length; one frame first made it wrong about others."""
    generator = np.random.default_rng(0)
    for samples in (400, 16_000, 33_331, 0, 50_000, 719, 720, 9_000, 160_000, 400_000, 33_331):
        waveform = generator.standard_normal((2, samples), np.float32)
        lengths = np.array([samples, samples // 2])
        first, second = (backend.run(waveform, lengths, EMISSION).emission for backend in both)
        assert first.shape == second.shape
        limit = 1e-4 * max(1, np.abs(first).max(initial=0))
        assert np.abs(first - second).max(initial=0) <= limit


@pytest.mark.parametrize(("loudness", "offset"), [(1.0, 0.2), (0.1, 0.1), (0.01, 0.1)])
def test_a_minute_with_an_offset_agrees(both, loudness, offset):
    """OpenVINO has no float64: a plain sum of so much is off by more than the speech is loud."""
    speech = soundfile.read(SAMPLES[1], dtype="float32")[0]
    waveform = (loudness * np.resize(speech, (1, 960_000)) + offset).astype(np.float32)
    first, second = (backend.run(waveform, np.array([960_000])).emission for backend in both)
    assert np.abs(first - second).max() <= 1e-4 * max(1, np.abs(first).max())


def test_only_the_named_outputs_are_returned(both):
    given = np.zeros((1, 4000), np.float32), np.array([4000])
    output = both[1].run(*given, EMISSION)
    assert output.emission is not None
    assert output.transcript is output.tokens is None
    assert both[1].run(*given, DECODED).emission is None
    assert all(getattr(both[1].run(*given), name) is not None for name in OUTPUTS)


def test_an_answer_outlives_the_next_run(both):
    noise = np.random.default_rng(0).uniform(-1, 1, (1, 8000)).astype(np.float32)
    first = both[1].run(noise, np.array([8000])).emission
    kept = first.copy()
    both[1].run(-0.1 * noise, np.array([8000]))
    assert np.array_equal(first, kept)


def test_many_threads_get_the_same_answers(exported, openvino):
    recognizer = voxport.load(exported, provider="openvino")
    alone = [recognizer.transcribe(path).text for path in SAMPLES]
    found = {}

    def work(number):
        found[number] = [recognizer.transcribe(path).text for path in SAMPLES]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == [alone] * 4


def test_verify_runs_on_openvino_and_skips_torchscript(exported, openvino):
    report = verify(exported, provider="openvino")
    assert report.ok, [check.problem for check in report.checks]
    assert [check.artifact for check in report.checks] == ["model.onnx"] * 2
    assert [item.artifact for item in report.skipped] == ["model.ts"]
    assert report.skipped[0].reason.startswith("a TorchScript artifact runs on cpu or cuda, not on")


def test_features_equal_those_of_onnxruntime(with_features, openvino):
    clip = SAMPLES[0]
    cpu, found = (
        voxport.load_features(with_features, provider=name, artifact="onnx").features(clip)
        for name in ("cpu", "openvino")
    )
    for one, other in zip(cpu, found, strict=True):
        assert np.abs(one - other).max() <= 1e-4 * max(1, np.abs(one).max())


def test_missing_openvino_names_its_install_command(exported, without):
    without("openvino")
    with pytest.raises(MissingDependencyError, match=r'pip install "voxport\[openvino\]"'):
        voxport.load(exported, provider="openvino")


def test_a_file_that_is_no_graph_is_refused(tmp_path, openvino):
    from voxport.backends.openvino import OpenVinoBackend

    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    reason = r"model\.onnx: openvino .* cannot load it: Model can't be parsed$"
    with pytest.raises(InferenceError, match=reason):
        OpenVinoBackend(tmp_path / "model.onnx", ("-",))


def test_a_failed_run_gives_the_reason(both):
    with pytest.raises(InferenceError, match=r"1 x 1000 samples: .*are incompatible$"):
        both[1].run(np.zeros((1, 1000), np.float32), np.array([[1000]]))
