"""The cuts of a long recording, and the seams of its windows."""

import itertools

import numpy as np
import pytest

from voxport.inference.windows import (
    Geometry,
    find_seam,
    quietest_frame,
    split_into_windows,
    stitch,
)

GEOMETRY = Geometry(stride=10, field=25, frames=400)  # context: 50 frames
BLANK = 0


def reader(waveform):
    place = 0

    def read(samples):
        nonlocal place
        part = waveform[place : place + samples]
        place += len(part)
        return part

    return read


def emission(path):
    """Return frames of ``path``, a digit each, with "-" for blank."""
    labels = [0 if label == "-" else int(label) for label in path]
    return np.eye(4, dtype=np.float32)[labels]


def frames_of(samples):
    return (samples - GEOMETRY.field) // GEOMETRY.stride + 1


@pytest.mark.parametrize("samples", [30, 4014, 4015, 4016, 9_999, 50_000])
def test_windows_cover_a_recording(samples):
    waveform = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    found = list(split_into_windows(reader(waveform), GEOMETRY))
    for window in found:
        start = window.first * GEOMETRY.stride
        assert (window.waveform == waveform[start : start + len(window.waveform)]).all()
        assert len(window.waveform) <= GEOMETRY.samples
    for window, following in itertools.pairwise(found):
        assert window.first + frames_of(len(window.waveform)) == window.cut + GEOMETRY.context
        assert following.first == window.cut - GEOMETRY.context
        assert following.first > window.first
    last = found[-1]
    assert last.cut is None
    assert last.first * GEOMETRY.stride + len(last.waveform) == samples


def test_a_window_is_cut_at_its_quietest_moment():
    waveform = np.random.default_rng(0).standard_normal(GEOMETRY.samples).astype(np.float32)
    waveform[3200:3400] *= 0.01
    assert 325 <= quietest_frame(waveform, GEOMETRY) <= 335
    waveform[:] = 0
    assert quietest_frame(waveform, GEOMETRY) > 340  # as late as can be, where all is silent


@pytest.mark.parametrize(
    ("old", "new", "joined"),
    [
        ("-1--2--3-", "-1--2--3-", "123"),
        ("-1--2----", "-1---2---", "12"),  # a token that moved is there once
        ("-1---2---", "-1--2----", "12"),
        ("-1-3-----", "-1----3--", "13"),  # so is a delimiter that floats in silence
        ("-1----3--", "-1-3-----", "13"),
        ("112233112", "112233112", "12312"),  # never silent
        ("---------", "---------", ""),
    ],
)
def test_a_token_on_a_seam_comes_out_once(old, new, joined):
    old, new = emission(old), emission(new)
    for near in range(len(old) + 1):
        place = find_seam(old, new, near, BLANK)
        path = np.concatenate([old[:place], new[place:]]).argmax(axis=1)
        found = [str(b) for a, b in zip([0, *path], path, strict=False) if b and b != a]
        assert "".join(found) == joined


def test_a_seam_in_silence_is_nearest_the_cut():
    silence = emission("-" * 9)
    assert [find_seam(silence, silence, near, BLANK) for near in (1, 4, 9)] == [1, 4, 9]


def test_a_last_window_may_end_within_the_overlap():
    assert find_seam(emission("-1--2--3-"), emission("-1--"), 9, BLANK) == 4
    assert find_seam(emission("-1-"), emission(""), 2, BLANK) == 0


def test_stitched_windows_equal_the_whole_emission():
    """Each window's own frames go to their places, whatever their context."""
    waveform = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    rng = np.random.default_rng(1)
    whole = emission(rng.choice(list("---123"), frames_of(len(waveform))))
    answers = []
    for window in split_into_windows(reader(waveform), GEOMETRY):
        heard = whole[window.first : window.first + frames_of(len(window.waveform))].copy()
        if window.first:
            heard[:20] = whole[0]  # without context, at the edges, a model is wrong
        if window.cut is not None:
            heard[-20:] = whole[0]
        answers.append((window, heard))
    found = np.concatenate(list(stitch(answers, GEOMETRY, BLANK)))
    assert (found == whole).all()
