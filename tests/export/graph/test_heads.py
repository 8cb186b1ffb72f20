"""Heads of every family against transformers' eager model, each row alone and without padding."""

import numpy as np
import pytest
import torch

from benchmarks.families import cases
from support import task_models
from voxport_export.families.registry import all_families
from voxport_export.graph.heads import HeadGraph
from voxport_export.sources.task_heads import build_head

transformers = pytest.importorskip("transformers")

KINDS = ("Wav2Vec2", "Hubert", "WavLM", "UniSpeechSat", "UniSpeech", "Data2VecAudio")
CASES = [
    (kind, ending)
    for kind in KINDS
    for ending in task_models.ENDINGS
    if hasattr(transformers, kind + ending)
    and kind in [family.classes for family in all_families().values()]
]
ROWS = (9_000, 5_200, 16_000)  # samples; 5 200 make 16 frames, the fewest of an x-vector
SHORT = (0, 399)


def build(model, ends_in_output=True):
    family = next(
        one for one in all_families().values() if one.model_type == model.config.model_type
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)
    ending = next(one for one in task_models.ENDINGS if type(model).__name__.endswith(one))
    head = build_head(model, ending, ends_in_output=ends_in_output)
    return HeadGraph(family.convert(model, extractor).build_backbone(), head)


@torch.no_grad()
def run_batch(graph, rows):
    waveform = torch.full((len(rows), max(map(len, rows))), float("nan"))
    for place, row in zip(waveform, rows, strict=True):
        place[: len(row)] = torch.from_numpy(row)
    return graph(waveform, torch.tensor([len(row) for row in rows]))


# Other shapes of backbones; their weights are those of the table of families
OTHERS = [
    ("wav2vec2-conformer, relative", "ForSequenceClassification"),
    ("wav2vec2-conformer, rotary", "ForXVector"),
    ("wav2vec2-bert", "ForAudioFrameClassification"),
    ("sew", "ForSequenceClassification"),
    ("sew-d", "ForSequenceClassification"),
]


@pytest.mark.parametrize(("name", "ending"), OTHERS)
def test_a_row_of_another_backbone_answers_as_alone(name, ending, tmp_path):
    case = next(one for one in cases.CASES if one.name == name)
    is_weighted = not name.startswith("sew")
    config = {**case.config, "num_labels": 5, "use_weighted_layer_sum": is_weighted}
    model = cases.make_model(case.model_type, ending, {**config, **task_models.XVECTOR})
    model.config.tie_last_hidden_states = True
    cases.write_files(tmp_path, case.extractor, case.tokens)
    extractor = transformers.AutoFeatureExtractor.from_pretrained(tmp_path)
    family = all_families()[case.model_type]
    head = build_head(model, ending, ends_in_output="conformer" in name)
    graph = HeadGraph(family.convert(model, extractor).build_backbone(), head)
    rows = [task_models.make_waveform(samples, seed) for seed, samples in enumerate(ROWS)]
    values = run_batch(graph, [*rows, np.ones(10, np.float32)])[0].numpy()
    assert not values[-1].any()
    for row, found in zip(rows, values, strict=False):
        inputs = extractor(row, sampling_rate=task_models.RATE, return_tensors="pt")
        with torch.no_grad():
            answer = model(**inputs)
        wanted = answer.embeddings if hasattr(answer, "embeddings") else answer.logits
        wanted = wanted[0].numpy()
        if wanted.ndim == 2:
            frames = family.answered_frames(model, inputs) or len(wanted)
            wanted, found = wanted[:frames], found[:frames]
        assert np.abs(found - wanted).max() <= 1e-4 * np.abs(wanted).max()


def check(model, **settings):
    rows = [task_models.make_waveform(samples, seed) for seed, samples in enumerate(ROWS)]
    short = [np.ones(samples, np.float32) for samples in SHORT]
    outputs = run_batch(build(model, **settings), [*rows, *short])
    values = outputs[0].numpy()
    for row, found in zip(rows, values, strict=False):
        expected = task_models.eager_answer(model, row)
        found = found[: len(expected)] if expected.ndim == 2 else found
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert not values[len(rows) :].any()  # nothing is heard in rows without frames
    for output in outputs:
        assert torch.isfinite(output.float()).all()
    return outputs


@pytest.mark.parametrize(("kind", "ending"), CASES)
def test_a_row_in_a_batch_answers_as_alone(kind, ending):
    is_weighted = kind != "Hubert"
    model = task_models.make(
        kind, ending, num_labels=5, use_weighted_layer_sum=is_weighted, **task_models.XVECTOR
    )
    outputs = check(model)
    if ending == "ForSequenceClassification":
        assert outputs.best.tolist() == [*outputs.logits[:3].argmax(dim=-1).tolist(), 5, 5]
        assert torch.allclose(outputs.scores.sum(dim=-1), torch.tensor([1.0] * 3 + [0.0] * 2))
    elif ending == "ForAudioFrameClassification":
        assert outputs.emission_lengths.tolist() == [27, 16, 49, 0, 0]
        assert torch.allclose(outputs.scores[0, :27], outputs.logits[0, :27].sigmoid())
        assert not outputs.scores[0, 27:].any()


@pytest.mark.parametrize("ends_in_output", [True, False])
@pytest.mark.parametrize("kind", ["Wav2Vec2", "WavLM"])
def test_a_weighted_sum_ends_in_the_normalised_or_the_raw_last_state(kind, ends_in_output):
    model = task_models.make(kind, num_labels=5, use_weighted_layer_sum=True, **task_models.STABLE)
    model.config.tie_last_hidden_states = ends_in_output
    check(model, ends_in_output=ends_in_output)


def test_labels_that_do_not_exclude_each_other_have_sigmoid_scores():
    model = task_models.make("Wav2Vec2", num_labels=5, problem_type="multi_label_classification")
    outputs = check(model)
    assert torch.allclose(outputs.scores[:3], outputs.logits[:3].sigmoid())


def test_a_row_of_one_frame_less_than_an_x_vector_needs_is_zero():
    model = task_models.make("Wav2Vec2", "ForXVector", **task_models.XVECTOR)
    graph = build(model)
    assert graph.least_samples == 5_200
    rows = [task_models.make_waveform(samples) for samples in (5_199, 5_200)]
    embedding = run_batch(graph, rows).embedding
    assert not embedding[0].any()
    assert embedding[1].any()
    alone = run_batch(graph, rows[:1]).embedding  # no row has enough frames
    assert not alone.any()
