"""Greedy decoding in parts; `test_decoder` compares it as a whole with the graph's."""

import numpy as np
import pytest

from voxport.decoding import greedy


@pytest.mark.parametrize("sizes", [[1] * 60, [7, 0, 13, 40], [60], [59, 1]])
def test_an_emission_in_parts_decodes_as_a_whole(sizes):
    emission = np.random.default_rng(0).normal(0, 3, (60, 3)).astype(np.float32)
    emission[20:30, 1] += 20  # a long run, cut into several parts
    whole = greedy.decode(emission, blank=0)
    found = greedy.decode_parts(np.split(emission, np.cumsum(sizes)[:-1]), blank=0)
    assert (found.tokens, found.starts, found.ends) == (whole.tokens, whole.starts, whole.ends)
    assert found.scores == pytest.approx(whole.scores, abs=1e-6)


def test_no_parts_have_no_tokens():
    assert greedy.decode_parts([], blank=0).tokens == []
