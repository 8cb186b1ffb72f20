"""Classifier, FrameClassifier and SpeakerEncoder around a backend that computes nothing."""

import numpy as np
import pytest

from support import fake_tasks, fakes
from voxport.errors import AudioError, InputError
from voxport.package.manifest import EMBEDDING, FRAMES
from voxport.tasks.classifier import Classifier
from voxport.tasks.frame_classifier import FrameClassifier
from voxport.tasks.speaker_encoder import SpeakerEncoder, cosine_similarity


def make(kind=Classifier, task="classification", **settings):
    backend = fake_tasks.FakeTask()
    return kind(fake_tasks.manifest(task), fakes.artifact(), backend, **settings), backend


def noise(samples):
    return np.ones(samples, np.float32)


def test_the_best_labels_come_first_with_their_scores():
    classifier, _ = make()
    found = classifier.classify(noise(1000))
    assert found.label == "high"
    assert [one.label for one in found.scores] == ["high", "middle", "low"]
    powers = np.exp([2.0, 1.0, 0.0])
    assert [one.score for one in found.scores] == pytest.approx(powers / powers.sum())
    assert found.score == found.scores[0].score
    assert found.duration == 1.0


@pytest.mark.parametrize(("top_k", "count"), [(1, 1), (2, 2), (3, 3), (100, 3)])
def test_top_k_is_the_number_of_labels(top_k, count):
    classifier, _ = make()
    assert len(classifier.classify(noise(1000), top_k=top_k).scores) == count


@pytest.mark.parametrize("top_k", [0, -1, 1.5, True, "2"])
def test_a_top_k_that_is_no_count_is_refused(top_k):
    classifier, _ = make()
    with pytest.raises(InputError, match="top_k must be a whole number of at least 1"):
        classifier.classify(noise(1000), top_k=top_k)


def test_a_list_is_answered_in_order_and_batched():
    classifier, backend = make()
    found = classifier.classify([noise(1000), noise(50), noise(400)])
    assert [one.duration for one in found] == [1.0, 0.05, 0.4]
    assert len(backend.batches) == 1
    logits = classifier.logits([noise(1000), noise(400)])
    assert [row.tolist() for row in logits] == [[0, 1, 2], pytest.approx([0, 0.4, 0.8])]


def test_a_recording_without_a_frame_is_an_error_and_no_label():
    classifier, _ = make()
    with pytest.raises(AudioError, match=r"lasts 0\.0190 s, .* at least 0\.0200 s"):
        classifier.classify(noise(19))
    assert classifier.classify(noise(20)).duration == 0.02


def test_a_recording_beyond_the_limit_is_refused_and_not_cut():
    classifier, backend = make(longest_seconds=2)
    assert classifier.classify(noise(2000)).duration == 2
    with pytest.raises(AudioError, match="is longer than 2 s, and the answer is one of the whole"):
        classifier.classify(noise(2001))
    assert backend.batches == [[2000]]


def test_a_failing_recording_stops_no_other():
    classifier, _ = make()
    results = list(classifier.classify_each([noise(1000), noise(3), noise(1000)]))
    assert [result.error is None for result in results] == [True, False, True]
    assert str(results[1].error).startswith("audio[1]: lasts 0.0030 s")


def test_spans_are_the_runs_of_frames_over_the_threshold():
    classifier, _ = make(FrameClassifier, FRAMES)
    found = classifier.classify_frames(noise(80))  # 7 frames, 10 ms each
    assert found.scores.shape == (7, 3)
    spans = [(one.label, one.start, one.end, one.score) for one in found.spans(classifier.labels)]
    assert spans == [
        ("low", 0.0, 0.01, 1.0),
        ("middle", 0.0, 0.02, 1.0),
        ("high", 0.0, 0.03, 1.0),
        ("low", 0.04, 0.05, 1.0),
        ("middle", 0.04, 0.06, 1.0),
        ("high", 0.04, 0.07, 1.0),
    ]
    assert found.spans(classifier.labels, threshold=1.0) == []


def test_an_embedding_is_a_row_of_the_width():
    encoder, _ = make(SpeakerEncoder, EMBEDDING)
    assert encoder.width == 3
    assert encoder.embed(noise(1000)).tolist() == [1, 2, 3]
    with pytest.raises(AudioError, match=r"needs at least 0\.1000 s"):
        encoder.embed(noise(99))


def test_cosine_similarity_is_that_of_the_directions():
    assert cosine_similarity([3, 4], [6, 8]) == pytest.approx(1)
    assert cosine_similarity([1, 0], [0, 2]) == 0
    assert cosine_similarity([1, 0], [-1, 0]) == -1
    with pytest.raises(InputError, match="one width"):
        cosine_similarity([1, 0], [1, 0, 0])
    with pytest.raises(InputError, match="zero"):
        cosine_similarity([0, 0], [1, 0])
