"""Both backends on the exported graph: providers, missing engines, bad files, failed runs."""

from contextlib import nullcontext

import numpy as np
import pytest

import voxport
from support import data
from voxport.backends import onnx as onnx_backend
from voxport.backends import providers
from voxport.backends.contract import DECODED, EMISSION, OUTPUTS
from voxport.backends.onnx import OnnxBackend
from voxport.backends.torchscript import TorchScriptBackend
from voxport.errors import (
    InferenceError,
    InputError,
    MissingDependencyError,
    ProviderUnavailableError,
)
from voxport.inference.batches import round_up_length
from voxport.machine import cuda
from voxport.package.read_manifest import read_manifest

BACKENDS = [(OnnxBackend, "model.onnx"), (TorchScriptBackend, "model.ts")]
no_gpu = pytest.mark.skipif(cuda.unavailable_reason() is None, reason="there is a GPU here")


@pytest.fixture(params=BACKENDS, ids=["onnx", "torchscript"])
def opened(request, exported):
    kind, path = request.param
    return kind(exported / path, provider="cpu", threads=2)


def test_only_the_named_outputs_are_returned(opened):
    waveform, lengths = np.zeros((2, 1000), np.float32), np.array([1000, 0], np.int64)
    output = opened.run(waveform, lengths, EMISSION)
    assert output.emission.shape[0] == 2
    assert output.tokens is output.transcript is None
    everything = opened.run(waveform, lengths)
    assert all(getattr(everything, name) is not None for name in OUTPUTS)
    assert isinstance(str(everything.transcript[0]), str)


def test_the_provider_and_the_engine_are_named(opened):
    assert opened.provider in ("CPUExecutionProvider", "cpu")
    assert opened.runtime.split()[0] in ("onnxruntime", "torch")


def test_a_failed_run_names_the_file_and_the_batch(opened):
    with pytest.raises(InferenceError, match=r"model\.(onnx|ts): .*1 x 1000 samples") as caught:
        opened.run(np.zeros((1, 1000), np.float32), np.array([[1000]], np.int64))
    assert "\n" not in str(caught.value)


def test_a_failed_run_prints_nothing(exported, capfd):
    backend = OnnxBackend(exported / "model.onnx", provider="cpu")
    waveform = np.zeros((2, 1000), np.float32)
    with pytest.raises(InferenceError):
        backend.run(waveform, np.array([1000, 1000, 1000], np.int64))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [ImportError, OSError])
def test_an_interrupted_import_is_not_reported_as_a_missing_module(monkeypatch, error):
    def interrupt(name):
        raise error("initialization failed") from KeyboardInterrupt()  # as pybind11 does

    monkeypatch.setattr("importlib.import_module", interrupt)
    with pytest.raises(KeyboardInterrupt):
        onnx_backend.onnxruntime()


@pytest.mark.parametrize(("kind", "path"), BACKENDS)
def test_a_file_that_is_no_graph_is_refused(tmp_path, kind, path):
    pytest.importorskip("torch" if kind is TorchScriptBackend else "onnxruntime")
    (tmp_path / path).write_bytes(b"nonsense")
    with pytest.raises(InferenceError, match=f"{path}.*cannot load it"):
        kind(tmp_path / path, provider="cpu")


@no_gpu
@pytest.mark.parametrize(("kind", "path"), BACKENDS)
def test_cuda_without_a_gpu_is_an_error(exported, kind, path):
    with pytest.raises(ProviderUnavailableError, match=r"cuda was asked for.*CUDA needs.*GPU"):
        kind(exported / path, provider="cuda")


@no_gpu
@pytest.mark.parametrize(("kind", "path"), BACKENDS)
def test_auto_without_a_gpu_is_the_cpu_and_prints_nothing(exported, kind, path, capfd):
    assert kind(exported / path).provider.lower().startswith("cpu")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("kind", "path"), BACKENDS)
def test_an_unknown_provider_is_refused(exported, kind, path):
    with pytest.raises(InputError, match="unknown provider 'gpu'"):
        kind(exported / path, provider="gpu")


def test_a_provider_that_onnxruntime_drops_silently_is_an_error(exported, monkeypatch):
    """A GPU is there and its libraries are not: onnxruntime goes on with the CPU; we do not."""
    monkeypatch.setattr(cuda, "unavailable_reason", lambda: None)
    runtime = onnx_backend.onnxruntime()
    monkeypatch.setattr(runtime, "get_available_providers", lambda: [providers.CUDA, providers.CPU])
    opened = runtime.InferenceSession(
        str(exported / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnx_backend, "_session", lambda *_: opened)
    monkeypatch.setattr(onnx_backend, "library_problem", lambda _: "libcudnn.so.9: not found")
    with pytest.raises(
        ProviderUnavailableError,
        match=r"^cuda was asked for and .*libcudnn\.so\.9: not found; .*voxport\[gpu\]",
    ):
        OnnxBackend(exported / "model.onnx", provider="cuda")
    monkeypatch.undo()
    assert OnnxBackend(exported / "model.onnx").provider == providers.CPU


@no_gpu
@pytest.mark.skipif(
    providers.CUDA not in onnx_backend.onnxruntime().get_available_providers(),
    reason="this onnxruntime was built without CUDA",
)
def test_a_gpu_build_without_a_gpu_prints_nothing(exported, capfd, monkeypatch):
    """Its own messages about libraries would land between the transcripts."""
    monkeypatch.setattr(cuda, "unavailable_reason", lambda: None)
    with pytest.raises(ProviderUnavailableError, match="could not start it"):
        onnx_backend.create_session(exported / "model.onnx", providers.CUDA)
    assert capfd.readouterr() == ("", "")
    assert onnx_backend.library_problem(providers.CUDA)


def test_torchscript_runs_on_cpu_and_cuda_only(exported):
    with pytest.raises(ProviderUnavailableError, match="cpu or cuda, not on openvino"):
        TorchScriptBackend(exported / "model.ts", provider="openvino")


def test_missing_onnxruntime_names_its_install_command(exported, without):
    without("onnxruntime")
    with pytest.raises(MissingDependencyError, match=r'pip install "voxport\[cpu\]"'):
        OnnxBackend(exported / "model.onnx")


def test_missing_torch_is_named(exported, without):
    without("torch")
    with pytest.raises(MissingDependencyError, match="needs torch"):
        TorchScriptBackend(exported / "model.ts")


# The code path of GPUs, run on the CPU


@pytest.fixture
def cpu_as_gpu(monkeypatch):
    monkeypatch.setattr(providers, "GPUS", (providers.CPU,))
    monkeypatch.setattr(onnx_backend, "_gpu_libraries", lambda *_, **__: nullcontext())


def batch():
    noise = np.random.default_rng(0).uniform(-1, 1, (4, 20_000)).astype(np.float32)
    lengths = np.array([20_000, 7_000, 0, 400])
    for row, length in zip(noise, lengths, strict=True):
        row[length:] = np.nan
    return noise, lengths


@pytest.mark.parametrize("outputs", [OUTPUTS, DECODED, EMISSION, ("transcript",)])
def test_a_gpu_runs_without_strings_and_answers_the_same(
    exported, cpu_as_gpu, monkeypatch, outputs
):
    path, pieces = exported / "model.onnx", read_manifest(exported).model.pieces
    expected = OnnxBackend(path, "cpu").run(*batch(), outputs)
    bound, run = [], onnx_backend._run_with_iobinding
    monkeypatch.setattr(
        onnx_backend, "_run_with_iobinding", lambda *args: bound.append(args[2]) or run(*args)
    )
    backend = OnnxBackend(path, "cpu", pieces=pieces)
    assert "transcript" not in [output.name for output in backend._session.get_outputs()]
    found = backend.run(*batch(), outputs)
    for name in OUTPUTS:
        one, other = getattr(expected, name), getattr(found, name)
        if name in outputs:
            assert np.array_equal(one, other), name
        else:
            assert name == "tokens" or other is None
    assert len(bound) == 1
    assert set(bound[0]) - {"tokens"} == set(outputs) - {"tokens", "transcript"}


def test_a_gpu_gives_features(with_features, cpu_as_gpu):
    path = with_features / "model.onnx"
    found = OnnxBackend(path, "cpu", pieces=()).extract(*batch(), [2, 1])
    noise, lengths = batch()
    expected = OnnxBackend(path, "cpu").extract(noise, lengths, [2, 1])
    assert found.lengths.tolist() == expected.lengths.tolist()
    assert all(map(np.array_equal, found.layers, expected.layers))


def test_a_gpu_finds_weights_that_lie_beside_the_file(exported, cpu_as_gpu, tmp_path):
    onnx = pytest.importorskip("onnx")
    model, path = onnx.load(exported / "model.onnx"), tmp_path / "model.onnx"
    where = {"save_as_external_data": True, "location": "weights", "size_threshold": 1024}
    onnx.save(model, path, **where)
    assert (tmp_path / "weights").stat().st_size > 10_000
    backend = OnnxBackend(path, "cpu", pieces=read_manifest(exported).model.pieces)
    expected = OnnxBackend(exported / "model.onnx", "cpu").run(*batch())
    assert np.array_equal(backend.run(*batch()).emission, expected.emission)


def test_a_gpu_refuses_what_is_no_graph(cpu_as_gpu, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(InferenceError, match=r"model\.onnx: is no ONNX file"):
        OnnxBackend(tmp_path / "model.onnx", "cpu", pieces=("-",))


def test_recordings_padded_to_shared_lengths_have_the_same_transcripts(exported, monkeypatch):
    plain = voxport.load(exported, provider="cpu")
    noise = np.random.default_rng(1).uniform(-1, 1, 30_000).astype(np.float32)
    clips = [noise[:length] for length in (0, 399, 400, 5_001, 16_000, 30_000, 16_001)]
    expected = plain.transcribe([data.SAMPLES / "seven.wav", *clips])
    monkeypatch.setattr(providers, "GPUS", (providers.CPU,))
    monkeypatch.setattr(onnx_backend, "_gpu_libraries", lambda *_, **__: nullcontext())
    recognizer = voxport.load(exported, provider="cpu")
    shapes, run = [], recognizer._backend.run
    monkeypatch.setattr(
        recognizer._backend, "run", lambda *args: shapes.append(args[0].shape) or run(*args)
    )
    found = recognizer.transcribe([data.SAMPLES / "seven.wav", *clips])
    assert {samples for _, samples in shapes} <= {round_up_length(n, 16_000) for n in range(60_000)}
    assert [item.text for item in found] == [item.text for item in expected]
    assert any(item.text for item in found)
    for one, other in zip(expected, found, strict=True):
        assert [(t.text, t.start, t.end) for t in one.tokens] == [
            (t.text, t.start, t.end) for t in other.tokens
        ]
        assert one.duration == other.duration


@pytest.mark.cuda
@pytest.mark.parametrize(("kind", "path"), BACKENDS)
def test_cuda_answers_as_the_cpu(exported, kind, path):
    on_cpu, on_cuda = (kind(exported / path, provider=name) for name in ("cpu", "cuda"))
    assert on_cuda.provider in (providers.CUDA, "cuda")
    noise = np.random.default_rng(0).uniform(-1, 1, (3, 20_000)).astype(np.float32)
    lengths = np.array([20_000, 7_000, 0], np.int64)
    first, second = (backend.run(noise, lengths) for backend in (on_cpu, on_cuda))
    limit = 1e-4 * max(1, np.abs(first.emission).max())
    assert np.abs(first.emission - second.emission).max() <= limit
    assert list(map(str, first.transcript)) == list(map(str, second.transcript))
