"""Messages of an isolated process, which may have been taken over."""

import io
import json
import struct

import numpy as np
import pytest

from voxport.backends.isolated_frames import FrameError, read_message, write_message

LIMIT = 10_000


def message(document, content=b""):
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    return io.BufferedReader(io.BytesIO(struct.pack("<I", len(head)) + head + content))


def test_arrays_and_texts_come_back_as_they_were():
    pipe = io.BytesIO()
    arrays = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.zeros((0, 4), np.float32)}
    write_message(pipe, {"provider": "cpu"}, arrays, ["", "é\0x"])
    pipe.seek(0)
    found = read_message(pipe, LIMIT)
    assert (found.head, found.texts) == ({"provider": "cpu"}, ["", "é\0x"])
    assert found.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found.arrays[name], array)


@pytest.mark.parametrize(
    "document",
    [
        b"no json",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"{}",
        {"arrays": "a", "texts": None},
        {"arrays": [["a", "object", [1]]], "texts": None},
        {"arrays": [["a", "|O8", [1]]], "texts": None},
        {"arrays": [["a", ["float32"], [1]]], "texts": None},
        {"arrays": [["a", "float32", [-1]]], "texts": None},
        {"arrays": [["a", "float32", [1.5]]], "texts": None},
        {"arrays": [["a", "float32", [True]]], "texts": None},
        {"arrays": [["a", "float32", [1, 1, 1, 1]]], "texts": None},
        {"arrays": [["a", "float32", [2**62, 2**62]]], "texts": None},
        {"arrays": [["a", "float32", [0, 2**63]]], "texts": None},
        {"arrays": [["a", "float32", [2501]]], "texts": None},
        {"arrays": [[1, "float32", [1]]], "texts": None},
        {"arrays": [["a", "float32"]], "texts": None},
        {"arrays": [], "texts": [LIMIT + 1]},
        {"arrays": [], "texts": [-1]},
        {"arrays": [], "texts": ["1"]},
    ],
)
def test_what_is_no_message_is_refused(document):
    with pytest.raises(FrameError):
        read_message(message(document, bytes(1000)), LIMIT)


def test_a_head_of_gigabytes_is_refused_unread():
    with pytest.raises(FrameError, match="4294967295 bytes"):
        read_message(io.BytesIO(b"\xff\xff\xff\xff"), LIMIT)


def test_a_text_that_is_no_utf8_is_refused():
    with pytest.raises(FrameError, match="UTF-8"):
        read_message(message({"arrays": [], "texts": [2]}, b"\xc3\x28"), LIMIT)


@pytest.mark.parametrize("content", [b"", b"\1\0", b"\5\0\0\0{}"])
def test_the_end_before_a_whole_message(content):
    with pytest.raises(EOFError):
        read_message(io.BytesIO(content), LIMIT)


def test_the_end_within_an_array():
    document = {"arrays": [["a", "float32", [3]]], "texts": None}
    with pytest.raises(EOFError):
        read_message(message(document, bytes(11)), LIMIT)
