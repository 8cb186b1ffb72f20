"""Forced alignment against torchaudio's, and against an enumeration of all paths."""

import sys
import tracemalloc
from itertools import groupby, product

import numpy as np
import pytest

import voxport
from support import data
from voxport.alignment import forced_alignment, trellis, trellis_numba
from voxport.alignment.forced_alignment import (
    append_star,
    forced_align,
    frames_needed,
    log_softmax,
)
from voxport.errors import AlignmentError, InputError, MissingDependencyError

LABELS = 12


def random_case(rng, alphabet=LABELS, scale=1.0, frames=None):
    """Return log-probabilities and labels that fit: some repeat, some leave no frame to spare."""
    frames = frames or int(rng.integers(1, 150))
    target = rng.integers(1, alphabet, rng.integers(1, frames + 1)).tolist()
    while frames_needed(target) > frames:
        target.pop()
    logits = scale * rng.standard_normal((frames, LABELS), dtype=np.float32)
    return log_softmax(logits), target


@pytest.fixture(scope="module")
def cases():
    """Cases of few and many labels: a text of two labels repeats them at every other place."""
    rng = np.random.default_rng(0)
    settings = [(alphabet, scale) for alphabet in (3, LABELS) for scale in (0.1, 1, 5, 20)]
    return [random_case(rng, *settings[case % 8]) for case in range(200)]


@pytest.fixture(scope="module")
def expected(cases):
    return [torchaudio_align(*case) for case in cases]


def torchaudio_align(log_probs, target):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchaudio.functional")
    path, scores = functional.forced_align(
        torch.from_numpy(log_probs)[None], torch.tensor([target]), blank=0
    )
    return path[0].numpy(), scores[0].numpy(), functional.merge_tokens(path[0], scores[0].exp())


def assert_equal(found, expected):
    path, scores, spans = expected
    np.testing.assert_array_equal(found.path, path)
    np.testing.assert_array_equal(found.scores, scores)
    own = found.spans()
    assert [(s.token, s.start, s.end) for s in own] == [(s.token, s.start, s.end) for s in spans]
    assert [s.score for s in own] == pytest.approx([s.score for s in spans], abs=1e-6)


@pytest.fixture(params=["numpy", "numba"])
def engine(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def test_two_hundred_cases_one_by_one_equal_torchaudio(cases, expected, engine):
    assert sum(frames_needed(target) > len(target) for _, target in cases) > 100
    assert sum(frames_needed(target) == len(log_probs) for log_probs, target in cases) > 5
    for (log_probs, target), answer in zip(cases, expected, strict=True):
        [found] = forced_align([log_probs], [target], engine=engine)
        assert_equal(found, answer)
        assert [span.token for span in found.spans()] == target


def test_two_hundred_cases_at_once_equal_torchaudio(cases, expected, engine):
    found = forced_align(*zip(*cases, strict=True), engine=engine)
    for one, answer in zip(found, expected, strict=True):
        assert_equal(one, answer)


def test_two_hundred_cases_in_chunks_equal_torchaudio(cases, expected, monkeypatch):
    """Align from checkpoints, a few labels at a time, as for hours of audio."""
    monkeypatch.setattr(trellis, "_ONE_PASS_CELLS", 0)
    monkeypatch.setattr(trellis, "_MAX_CHUNK_FRAMES", 5)
    monkeypatch.setattr(trellis, "_MIN_CHUNK_FRAMES", 2)
    for (log_probs, target), answer in zip(cases, expected, strict=True):
        assert_equal(forced_align([log_probs], [target])[0], answer)


def test_double_precision_equals_torchaudio(cases, engine):
    for log_probs, target in cases[:20]:
        log_probs = log_probs.astype(np.float64)
        [found] = forced_align([log_probs], [target], engine=engine)
        assert_equal(found, torchaudio_align(log_probs, target))


def test_a_long_recording_is_not_compiled(cases, expected, monkeypatch):
    """Half are too long for a byte a state and frame: each still gets its own answer."""
    pytest.importorskip("numba")
    monkeypatch.setattr(forced_alignment, "_GROUP_CELLS", 5_000)
    sizes = [len(log_probs) * (2 * frames_needed(target) + 1) for log_probs, target in cases]
    assert 50 < sum(size <= 5_000 for size in sizes) < 150
    found = forced_align(*zip(*cases, strict=True), engine="numba")
    for one, answer in zip(found, expected, strict=True):
        assert_equal(one, answer)


def test_numba_without_a_writable_cache_compiles_each_time(cases, expected, monkeypatch):
    """A read-only container: numba refuses to cache, and compiles all the same."""
    numba = pytest.importorskip("numba")
    compile_ = numba.njit

    def njit(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function '_solve': no locator available")
        return compile_(**options)

    monkeypatch.setattr(numba, "njit", njit)
    trellis_numba._compiled.cache_clear()
    [found] = forced_align(*zip(cases[0], strict=True), engine="numba")
    trellis_numba._compiled.cache_clear()
    assert_equal(found, expected[0])


def test_an_engine_that_is_missing_or_unknown_is_refused(cases, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    trellis_numba._compiled.cache_clear()
    with pytest.raises(MissingDependencyError, match=r'pip install "voxport\[align\]"'):
        forced_align(*zip(*cases[:1], strict=True), engine="numba")
    with pytest.raises(InputError, match="numpy or numba, got 'cython'"):
        forced_align(*zip(*cases[:1], strict=True), engine="cython")


def test_the_blank_may_be_any_label(engine):
    log_probs, target = random_case(np.random.default_rng(3), frames=60)
    turned = np.roll(log_probs, -1, axis=1)
    turned_target = [label - 1 for label in target]
    [found] = forced_align([turned], [turned_target], blank=LABELS - 1, engine=engine)
    path, scores, _ = torchaudio_align(log_probs, target)
    np.testing.assert_array_equal(found.path, (path - 1) % LABELS)
    np.testing.assert_array_equal(found.scores, scores)


@data.needs_data
def test_real_speech_equals_torchaudio(engine):
    """The shipped model's emissions with the recognized text, and with one that is half wrong."""
    recognizer = voxport.load("commands", provider="cpu")
    rng = np.random.default_rng(5)
    found = []
    for path in [*sorted(data.SAMPLES.glob("*.flac")), *data.real_speech()]:
        log_probs = log_softmax(recognizer.emission(path))
        heard = [label for label, _ in groupby(log_probs.argmax(axis=1).tolist()) if label]
        wrong = [label if rng.random() < 0.5 else int(rng.integers(1, 29)) for label in heard]
        found += [(log_probs, text) for text in (heard, wrong) if text]
        found += [(append_star(log_probs), [29, *heard[2:-2], 29])]
    found = [case for case in found if frames_needed(case[1]) <= len(case[0])]
    assert len(found) > 20
    stars = [case for case in found if case[0].shape[1] == 30]
    for group in (stars, [case for case in found if case[0].shape[1] == 29]):
        found = forced_align(*zip(*group, strict=True), engine=engine)
        for one, case in zip(found, group, strict=True):
            assert_equal(one, torchaudio_align(*case))


def spell(path):
    return [label for label, _ in groupby(path) if label]


@pytest.mark.parametrize("target", [[1], [1, 1], [1, 2], [2, 1, 1], [1, 2, 1]])
def test_the_best_of_all_paths_is_found_among_ties(target, engine):
    rng = np.random.default_rng(len(target))
    paths = [path for path in product(range(3), repeat=6) if spell(path) == target]
    for _ in range(20):
        log_probs = -rng.integers(0, 3, (6, 3)).astype(np.float32)
        [found] = forced_align([log_probs], [target], engine=engine)
        best = max(log_probs[np.arange(6), path].sum() for path in map(list, paths))
        assert found.scores.sum() == best
        assert spell(found.path.tolist()) == target


def test_a_star_covers_speech_outside_the_text():
    said = [0, 3, 0, 4, 5, 0, 1, 0, 2, 0]
    log_probs = append_star(log_softmax(10 * np.eye(LABELS, dtype=np.float32)[said]))
    [found] = forced_align([log_probs], [[LABELS, 1, 2]])
    star, *rest = found.spans()
    assert (star.token, star.start, star.score) == (LABELS, 0, 1.0)
    assert [(span.token, span.start) for span in rest] == [(1, 6), (2, 8)]


def test_a_text_longer_than_its_audio_is_refused():
    log_probs = np.zeros((4, LABELS), np.float32)
    with pytest.raises(AlignmentError, match=r"^the text is too long .* 3 labels .* 5 f.* 4$"):
        forced_align([log_probs], [[2, 2, 2]])
    with pytest.raises(AlignmentError, match=r"^targets\[1\]: the text is too long"):
        forced_align([log_probs, log_probs], [[2], [2, 2, 2]])
    with pytest.raises(AlignmentError, match="there are 0"):
        forced_align([log_probs[:0]], [[2]])
    assert forced_align([log_probs], [[2, 3, 2, 3]])[0].path.tolist() == [2, 3, 2, 3]


@pytest.mark.parametrize("target", [[0], [LABELS], [-1], [1, 0]])
def test_labels_out_of_range_are_refused(target):
    with pytest.raises(InputError, match="labels must be 0 to 11 and not the blank, 0"):
        forced_align([np.zeros((9, LABELS), np.float32)], [target])


def test_emissions_of_other_shapes_and_types_are_refused():
    good = np.zeros((9, LABELS), np.float32)
    for bad in (good[0], good.astype(int), good[:, :3]):
        with pytest.raises(InputError, match="as many labels in each"):
            forced_align([good, bad], [[1], [1]])
    with pytest.raises(InputError, match="NaN"):
        forced_align([np.full_like(good, np.nan)], [[1]])
    with pytest.raises(InputError, match="1 emissions and 2 sequences"):
        forced_align([good], [[1], [1]])
    with pytest.raises(AlignmentError, match="no labels"):
        forced_align([good], [[]])
    assert forced_align([], []) == []


def test_an_emission_without_probability_for_the_text_is_refused(engine):
    with pytest.raises(AlignmentError, match="no probability at all"):
        forced_align([np.full((9, LABELS), -np.inf, np.float32)], [[1]], engine=engine)


def test_half_precision_is_computed_in_single(cases):
    log_probs, target = cases[0]
    half = log_probs.astype(np.float16)
    [found] = forced_align([half], [target])
    np.testing.assert_array_equal(
        found.path, forced_align([half.astype(np.float32)], [target])[0].path
    )


def test_memory_stays_below_20_mb_for_six_minutes():
    """Six minutes with sixteen labels a second: all moves would be 18 000 * 12 001 bytes."""
    rng = np.random.default_rng(1)
    frames, labels = 18_000, 6_000
    target = rng.integers(1, LABELS, labels)
    said = np.zeros(frames, int)
    said[np.sort(rng.choice(frames // 2, labels, replace=False)) * 2] = target
    log_probs = log_softmax(rng.standard_normal((frames, LABELS), dtype=np.float32))
    log_probs[np.arange(frames), said] += 10
    tracemalloc.start()
    [found] = forced_align([log_probs], [target])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    np.testing.assert_array_equal(found.path, said)


def test_rows_of_like_size_are_grouped():
    sizes = [(100, 21), (10, 3), (90, 31), (12, 5), (5000, 7001)]
    assert list(forced_alignment._groups(sizes, range(5))) == [[1, 3, 2, 0], [4]]
    assert list(forced_alignment._groups(sizes, [0, 4])) == [[0], [4]]
    assert not list(forced_alignment._groups(sizes, []))


def test_the_room_exports_it():
    import voxport.alignment

    assert voxport.alignment.forced_align is forced_align
    with pytest.raises(AttributeError, match="no attribute 'align'"):
        voxport.alignment.align  # noqa: B018
