import pytest

from voxport.audio import truncation


@pytest.mark.parametrize(
    ("log", "cut"),
    [
        ("data : 96000", False),
        ("data : 96000 (should be 47978)", True),
        (" SSND : 96008 (should be 47981)", True),
        ("  Data Size   : 96000 (should be 47988)", True),
        ("riff : 96104 (should be 48052)", True),  # Wave64
        ("RIFF : 96036 (should be 48014)\ndata : 100", False),  # a cut tag, after the samples
        ("data : 0 (should be 96000)", False),  # a recorder was killed: all is there
        ("data : 4294967295 (should be 96000)", False),  # written to a pipe
        ("data : 2147483647 (should be 96000)", False),
        ("", False),
    ],
)
def test_chunk(log, cut):
    assert truncation.chunk_is_cut(log) is cut


def test_mpeg():
    tag = b"ID3\x03\0\0\0\0\x01\x00" + bytes(128)
    assert truncation.id3_size(tag) == 138
    assert truncation.id3_size(b"\xff\xfb") == 0
    assert truncation.mpeg_knows_its_length(b"\xff\xfb\x90" + bytes(30) + b"Xing")
    assert not truncation.mpeg_knows_its_length(b"\xff\xfb\x90" + bytes(100))
