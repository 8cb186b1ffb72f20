"""TorchScript on a GPU beside eager torchaudio on the same GPU; needs no onnxruntime.

``pytest -m cuda``.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from support import data

torch = pytest.importorskip("torch")
pytest.importorskip("torchaudio")

import voxport  # noqa: E402
from voxport.audio.recording import read_clip  # noqa: E402
from voxport.backends.torchscript import TorchScriptBackend  # noqa: E402
from voxport.package.read_manifest import read_manifest  # noqa: E402
from voxport.verification.verify import verify  # noqa: E402
from voxport_export.package.export import Options, export_package  # noqa: E402
from voxport_export.sources.resolve import resolve  # noqa: E402

DEVICE = "cuda"
RATE = 16_000
TOLERANCE = 1e-4  # of the largest emission

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this torch sees no GPU"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The shipped model as TorchScript."""
    folder = tmp_path_factory.mktemp("cuda") / "commands"
    export_package("commands", folder, Options(formats=("torchscript",)))
    return folder


@pytest.fixture(scope="module")
def backend(package):
    return TorchScriptBackend(package / "model.ts", DEVICE)


@pytest.fixture(scope="module")
def source():
    return resolve("commands")


@pytest.fixture(scope="module")
def reference(source):
    """Return the emission (frames, labels) of a waveform by eager torchaudio on the device."""
    # Products of convolutions are rounded to 10 bits by default.
    torch.backends.cudnn.allow_tf32 = False
    model = source.reference.to(DEVICE)

    @torch.inference_mode()
    def emission(waveform):
        return model(torch.from_numpy(waveform).unsqueeze(0).to(DEVICE))[0][0].cpu().numpy()

    return emission


def clips() -> list[np.ndarray]:
    noise = np.random.default_rng(0)
    spoken = [read_clip(sample, RATE).waveform for sample in sorted(data.SAMPLES.glob("*.flac"))]
    return [*spoken, *(noise.standard_normal(n, np.float32) * 0.1 for n in (400, 16_001, 160_000))]


def greedy(emission: np.ndarray, source) -> list[int]:
    path = torch.unique_consecutive(torch.from_numpy(emission).argmax(dim=-1)).tolist()
    return [label for label in path if label != source.blank]


def check(output, row, expected, source):
    frames, count = int(output.emission_lengths[row]), int(output.token_lengths[row])
    found = output.emission[row, :frames]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * max(1, np.abs(expected).max())
    assert output.tokens[row, :count].tolist() == greedy(expected, source)


def test_each_clip_alone_equals_eager_torchaudio(backend, reference, source):
    assert backend.provider == DEVICE
    for clip in clips():
        output = backend.run(clip[None], np.array([len(clip)]))
        check(output, 0, reference(clip), source)


def test_each_row_of_a_batch_padded_with_nan_equals_its_clip_alone(backend, reference, source):
    rows = clips()
    lengths = np.array([len(clip) for clip in rows])
    waveform = np.full((len(rows), lengths.max()), np.nan, np.float32)
    for row, clip in enumerate(rows):
        waveform[row, : len(clip)] = clip
    output = backend.run(waveform, lengths)
    for row, clip in enumerate(rows):
        check(output, row, reference(clip), source)


def test_rows_without_a_frame_are_empty(backend):
    output = backend.run(np.full((2, 500), np.nan, np.float32), np.array([0, 399]))
    assert output.emission_lengths.tolist() == output.token_lengths.tolist() == [0, 0]
    assert list(output.transcript) == ["", ""]


def test_transcripts_equal_those_of_the_cpu(package):
    samples = sorted(data.SAMPLES.glob("*.flac"))
    device, cpu = (
        voxport.load(package, artifact="torchscript", provider=name) for name in (DEVICE, "cpu")
    )
    found, expected = ([item.text for item in one.transcribe(samples)] for one in (device, cpu))
    assert found == expected
    assert "ONE TWO THREE" in expected


def test_golden_clips_verify(package):
    report = verify(package, provider=DEVICE, artifacts=["torchscript"])
    assert report.ok, [check.problem for check in report.checks]


def test_another_sample_rate_is_resampled_on_the_device(backend, reference):
    """48 kHz in, the model's 16 kHz inside; within the rounding of a resampler in float32."""
    from torchaudio.functional import resample

    wave = np.sin(np.arange(48_000, dtype=np.float32) / 20)[None]
    inputs = (torch.from_numpy(wave).to(DEVICE), torch.tensor([48_000], device=DEVICE), 48_000)
    with torch.inference_mode():
        found = backend._module(*inputs)[0][0].cpu().numpy()
    expected = reference(resample(torch.from_numpy(wave), 48_000, RATE)[0].numpy())
    assert np.abs(found - expected).max() <= TOLERANCE * max(1, np.abs(expected).max())


def test_many_threads_share_a_module(backend):
    rows = clips()
    expected = [str(backend.run(clip[None], np.array([len(clip)])).transcript[0]) for clip in rows]
    with ThreadPoolExecutor(8) as pool:
        runs = pool.map(lambda clip: backend.run(clip[None], np.array([len(clip)])), rows * 4)
        assert [str(output.transcript[0]) for output in runs] == expected * 4


def test_features_equal_eager_torchaudio(with_features, narrow_model):
    torch.backends.cudnn.allow_tf32 = False
    manifest = read_manifest(with_features)
    assert manifest.features is not None
    extractor = TorchScriptBackend(with_features / "model.ts", DEVICE)
    model = resolve(str(narrow_model)).reference.to(DEVICE)
    clip = np.random.default_rng(1).standard_normal(20_000, np.float32) * 0.1
    output = extractor.extract(
        clip[None], np.array([len(clip)]), range(1, manifest.features.layers + 1)
    )
    with torch.inference_mode():
        layers, _ = model.extract_features(torch.from_numpy(clip).unsqueeze(0).to(DEVICE))
    for found, expected in zip(output.layers, layers, strict=True):
        wanted = expected[0].cpu().numpy()
        assert np.abs(found[0] - wanted).max() <= TOLERANCE * max(1, np.abs(wanted).max())
