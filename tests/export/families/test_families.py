"""Every family of the table: its graph against transformers' eager model, each clip alone.

The graph runs in eager torch here; whole packages of both formats under ``slow``, where the table's
own measurement is the test.
"""

import importlib
import json

import numpy as np
import pytest
import torch

from benchmarks.families.__main__ import PAGE, RESULTS
from benchmarks.families.cases import CASES
from benchmarks.families.table import export_case, read_rows, recordings, rows, write_markdown
from support.data import SAMPLES
from voxport.audio.files import read_audio
from voxport_export.errors import ExportError, SourceError
from voxport_export.families.family import Family
from voxport_export.families.registry import all_families
from voxport_export.graph.distances import distances_like, skew
from voxport_export.package.artifact import build_graph, build_recognizer
from voxport_export.package.export import Options, export_package
from voxport_export.parity.eager import eager_emission, eager_features
from voxport_export.sources.resolve import resolve

pytest.importorskip("transformers")

# Around one and two frames of every family, and around both of its kinds of odd and even frames
LENGTHS = [0, 319, 399, 559, 720, 721, 880, 1360, 1681, 5_300, 16_001, 24_000]
BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def speech():
    return torch.from_numpy(read_audio(SAMPLES / "one-two-three.flac").waveform)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Loaded models by name, each written and read once."""
    loaded = {}

    def load(name):
        if name not in loaded:
            loaded[name] = resolve(str(BY_NAME[name].write(tmp_path_factory.mktemp("m") / "model")))
        return loaded[name]

    return load


def assert_close(found, expected):
    assert found.shape == expected.shape
    bound = 1e-4 * max(1.0, float(expected.abs().max())) if expected.numel() else 0
    assert float((found - expected).abs().max()) <= bound if expected.numel() else True


@pytest.mark.parametrize("name", BY_NAME)
@torch.no_grad()
def test_a_batch_padded_with_nan_answers_as_transformers_alone(name, sources, speech):
    source = sources(name)
    graph = build_recognizer(source)
    field = graph.backbone.receptive_field
    is_refused = source.model.weights.__class__.__name__.startswith("SEW")  # one frame, by eager
    lengths = [n for n in LENGTHS if not (is_refused and field <= n < 720)]
    waveform = torch.full((len(lengths), max(lengths)), float("nan"))
    for row, samples in zip(waveform, lengths, strict=True):
        row[:samples] = speech[:samples]
    batch = graph(waveform, torch.tensor(lengths))
    for row, samples in enumerate(lengths):
        expected = eager_emission(source, speech[:samples], field)
        assert_close(batch.emission[row, : batch.emission_lengths[row]], expected)
        assert not batch.emission[row, batch.emission_lengths[row] :].any()
    alone = graph(speech[None, :5_300], torch.tensor([5_300]))
    row = lengths.index(5_300)
    assert_close(alone.emission[0], batch.emission[row, : batch.emission_lengths[row]])
    labels = batch.emission[-1].argmax(dim=-1).unique()
    assert len(labels) > 3, "the weights decide nothing"


@pytest.mark.parametrize("name", [case.name for case in CASES if case.features])
@torch.no_grad()
def test_features_are_the_layers_of_transformers(name, sources, speech):
    source = sources(name)
    graph = build_graph(source, features=True)
    waveform = torch.full((2, 24_000), float("nan"))
    waveform[0, :5_300], waveform[1] = speech[:5_300], speech[:24_000]
    _, features = graph(waveform, torch.tensor([5_300, 24_000]))
    for row, samples in enumerate((5_300, 24_000)):
        expected = eager_features(source, speech[:samples], graph.backbone.receptive_field)
        found = torch.stack([layer[row, : features.lengths[row]] for layer in features.layers])
        assert_close(found, expected)


@pytest.mark.parametrize(
    "name", ["wav2vec2, add_adapter", "wav2vec2-bert, add_adapter", "sew", "sew-d"]
)
def test_features_of_another_frame_rate_are_refused(name, sources):
    with pytest.raises(ExportError, match="another frame rate than its emission"):
        build_graph(sources(name), features=True)


@pytest.mark.parametrize("name", BY_NAME)
def test_as_many_frames_as_the_manifest_says(name, sources, speech):
    """Windows of long recordings count frames by stride and receptive field alone."""
    backbone = build_recognizer(sources(name)).backbone
    for frames in (1, 2, 7):
        samples = (frames - 1) * backbone.frame_stride + backbone.receptive_field
        hidden = backbone(speech[None, :samples], torch.tensor([samples]))
        assert (int(hidden.valid.sum()), len(hidden.frames)) == (frames, frames)


def test_every_family_has_a_case():
    assert {case.model_type for case in CASES} == set(all_families())


def test_a_family_is_one_module(monkeypatch):
    """A module with a FAMILY in the package is found, without a list of them."""
    family = Family("mine", "Mine", lambda *_: None)
    module = importlib.import_module("voxport_export.families.squeezed")
    monkeypatch.setattr(module, "FAMILY", family, raising=False)
    all_families.cache_clear()
    try:
        assert all_families()["mine"] is family
    finally:
        monkeypatch.undo()
        all_families.cache_clear()
    assert "mine" not in all_families()


REFUSED = [
    ("data2vec-audio", {"hidden_act": "relu"}, "hidden_act = 'relu' is not supported"),
    ("sew", {"squeeze_factor": 3}, "squeeze_factor = 3 is not supported"),
    ("sew-d", {"conv_kernel_size": 3}, "conv_kernel_size = 3 is not supported"),
    ("wav2vec2-bert", {"hidden_act": "tanh"}, "hidden_act = 'tanh' is not supported"),
    (
        "wav2vec2-conformer",
        {"position_embeddings_type": "absolute"},
        "position_embeddings_type = 'absolute' is not supported",
    ),
    (
        "parakeet_ctc",
        {"encoder_config": {"subsampling_conv_kernel_size": 5}},
        "subsampling_conv_kernel_size = 5 is not supported",
    ),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED)
def test_a_setting_without_a_part_in_the_graph_is_refused(tmp_path, kind, settings, message):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, **settings}))
    with pytest.raises(SourceError, match=message):
        resolve(str(tmp_path))


def test_the_extractor_of_another_family_is_refused(tmp_path):
    folder = BY_NAME["sew"].write(tmp_path)
    path = folder / "preprocessor_config.json"
    path.write_text(path.read_text().replace("Wav2Vec2Feature", "SeamlessM4TFeature"))
    with pytest.raises(SourceError, match="feature_extractor_type 'SeamlessM4TFeatureExtractor'"):
        resolve(str(folder))


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_skewed_scores_are_those_of_the_distance(frames):
    table = distances_like(torch.ones(1, frames)).float()
    scores = table.expand(2, 3, frames, -1).contiguous()
    place = torch.arange(frames).float()
    expected = place.unsqueeze(1) - place
    torch.testing.assert_close(skew(scores), expected.expand(2, 3, -1, -1))


def test_the_table_has_a_row_for_each_file(tmp_path):
    """Also: a package of a filter-bank family in each format, alone and in a batch."""
    case = BY_NAME["wav2vec2-bert, add_adapter"]
    manifest = export_case(case, tmp_path, recordings()[:2])
    table = write_markdown(rows(case, manifest)).splitlines()[2:]
    assert [line.split(" | ")[3] for line in table] == ["model.onnx", "model.ts", "model.pt2"]
    assert all(float(line.split(" | ")[5]) <= 1e-4 for line in table)
    assert all(line.endswith("| 100% |") for line in table)


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_a_package_in_each_format(name, tmp_path):
    found = list(rows(BY_NAME[name], export_case(BY_NAME[name], tmp_path, recordings())))
    assert {row.artifact for row in found} == {"model.onnx", "model.ts", "model.pt2"}
    assert all(row.difference <= 1e-4 for row in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", [case.name for case in CASES if case.real is not None])
def test_a_package_of_real_size(name, tmp_path):
    folder = BY_NAME[name].write(tmp_path / "model", real=True)
    audio = tuple(recordings()[:2])
    manifest = export_package(str(folder), tmp_path / "package", Options(audio=audio, force=True))
    assert all(np.isfinite(one.max_emission_difference) for one in manifest.parity)
    assert all(one.equal_transcripts == 1 for one in manifest.parity)


@pytest.mark.parametrize("name", ["sew", "parakeet_ctc", "wav2vec2, add_adapter"])
def test_fp16_of_another_shape_is_refused_before_any_work(name, sources, tmp_path):
    source = sources(name)
    audio = (SAMPLES / "yes.flac",)
    options = Options(precisions=("fp32", "fp16"), audio=audio, force=True)
    with pytest.raises(ExportError, match=r"fp16 is written for .* Wav2Vec2's shape only"):
        export_package(source.origin, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("samples", [560, 719, 720, 5_300, 24_000])
@torch.no_grad()
def test_the_filter_bank_is_its_extractors(samples, sources, speech):
    """Features and mask of a row in a longer batch, against the extractor on the row alone."""
    source = sources("wav2vec2-bert")
    extractor = source.reference.extractor
    expected = extractor(speech[:samples].numpy(), sampling_rate=16_000, return_tensors="pt")
    waveform = torch.zeros(2, 24_000)
    waveform[0, :samples], waveform[1] = speech[:samples], speech[:24_000]
    front_end = build_recognizer(source).backbone.front_end
    found = front_end(waveform, torch.tensor([samples, 24_000]))
    attended = expected.attention_mask[0].bool()
    assert int(found.valid[0].sum()) == len(attended)
    assert found.attended[0, : len(attended)].tolist() == attended.tolist()
    torch.testing.assert_close(
        found.features[0, : len(attended)][attended],
        expected.input_features[0][attended],
        atol=1e-4,
        rtol=1e-4,
    )


def test_the_page_shows_the_rows_that_were_measured():
    """``python -m benchmarks.families`` writes both."""
    assert write_markdown(read_rows(RESULTS)) in PAGE.read_text(encoding="utf-8")
