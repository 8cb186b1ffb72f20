"""Names of result files."""

import pytest

from voxport.results.names import unique_stems

NAMES = [
    (["a.wav", "b.wav"], ["a.txt", "b.txt"]),
    (["a.wav", "./a.wav", "a.wav"], ["a.txt", "a.txt", "a.txt"]),
    (["bed/x.flac", "bird/x.flac", "y.flac"], ["bed/x.txt", "bird/x.txt", "y.txt"]),
    (["x.wav", "x.flac"], ["x.wav.txt", "x.flac.txt"]),
    (["a/x.wav", "a/x.flac", "b/x.wav"], ["x.wav.txt", "x.flac.txt", "x.txt"]),
    (["1/a/x.wav", "2/a/x.wav", "3/b/x.wav"], ["1/a/x.txt", "2/a/x.txt", "b/x.txt"]),
    (["-", "/r/stdin.wav"], ["stdin.txt", "r/stdin.txt"]),
    (["/x.wav", "/r/x.wav"], ["x.txt", "r/x.txt"]),
    (["a.b.wav", "a.c.wav", ".hidden"], ["a.b.txt", "a.c.txt", ".hidden.txt"]),
]


@pytest.mark.parametrize(("audio", "names"), NAMES)
def test_names_in_the_folder(audio, names):
    found = unique_stems(audio)
    assert [f"{found[name]}.txt" for name in audio] == names
