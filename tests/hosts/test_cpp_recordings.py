"""runtime/cpp: recordings that are damaged, incomplete or oddly written."""

import json
import os
import re
import struct

import numpy as np
import pytest
import soundfile

from support import data
from voxport.audio import ogg


def flip(content):
    """Return `content` with one bit in its middle changed."""
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


def bad_recordings(folder):
    """Write files that cannot be transcribed; return the reason that is given for each."""
    good = (data.SAMPLES / "yes.flac").read_bytes()
    samples, rate = soundfile.read(data.SAMPLES / "yes.flac")
    for name in ("cut.wav", "cut.aiff", "cut.au"):
        soundfile.write(folder / name, samples, rate)
        (folder / name).write_bytes((folder / name).read_bytes()[:20000])
    soundfile.write(folder / "100.wav", samples, 100)
    soundfile.write(folder / "none.wav", samples[:0], rate)
    soundfile.write(folder / "nan.wav", np.full(800, np.nan), rate, subtype="FLOAT")
    soundfile.write(folder / "talk.mp3", samples, rate)
    soundfile.write(folder / "whole.ogg", samples, rate)
    whole = (folder / "whole.ogg").read_bytes()
    (folder / "cut.ogg").write_bytes(whole[: len(whole) // 2])
    (folder / "damaged.ogg").write_bytes(flip(whole))
    (folder / "joined.ogg").write_bytes(whole + whole)
    soundfile.write(folder / "many.wav", np.zeros((800, 65)), rate)
    soundfile.write(folder / "loud.wav", np.full(800, 1e11), rate, subtype="FLOAT")
    os.mkfifo(folder / "pipe")
    (folder / "cut.flac").write_bytes(good[: len(good) // 2])
    (folder / "text.wav").write_text("not audio\n" * 100)
    (folder / "text.vox").write_text("not audio\n" * 100)
    (folder / "empty.wav").touch()
    (folder / "header.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    (folder / "folder").mkdir()
    return {
        "cut.wav": "truncated: the file ends before its audio does",
        "cut.aiff": "truncated: the file ends before its audio does",
        "cut.au": "truncated: the file ends before its audio does",
        "cut.flac": "truncated",
        "100.wav": "its sample rate is 100 Hz",
        "none.wav": "holds no audio",
        "nan.wav": "not numbers",
        "talk.mp3": "libsndfile does not tell that a part is missing",
        "cut.ogg": "truncated or damaged: the file ends before its stream does",
        "damaged.ogg": "has another checksum than it was written with",
        "joined.ogg": "2 recordings one behind another",
        "many.wav": "has 65 channels",
        "loud.wav": "full scale is 1",
        "pipe": "is not a regular file",
        "text.wav": "not audio that libsndfile",
        "text.vox": "not audio that libsndfile",
        "empty.wav": "the file is empty (0 bytes)",
        "header.wav": "not audio that libsndfile",
        "folder": "is a folder",
        "missing.wav": "there is no such file",
    }


def check_bad_recordings(program, package, folder, *options):
    """Check that each gets one line, and that the good ones beside them are transcribed."""
    reasons = bad_recordings(folder)
    good = data.SAMPLES / "yes.flac"
    alone = program.run(*options, package, good)
    assert (alone.returncode, alone.stderr) == (0, "")
    result = program.run(*options, package, good, *(folder / name for name in reasons), good)
    assert result.returncode == 1
    assert result.stdout == 2 * alone.stdout
    lines = result.stderr.splitlines()
    for line, (name, reason) in zip(lines, reasons.items(), strict=True):
        assert line.startswith(f"error: {folder / name}: ")
        assert reason in line


def test_bad_recordings_on_onnxruntime(program, commands, tmp_path):
    check_bad_recordings(program, commands, tmp_path)


@pytest.mark.slow
def test_bad_recordings_on_libtorch(torch_program, exported, tmp_path):
    check_bad_recordings(torch_program, exported, tmp_path, "--artifact", "torchscript")


def test_a_bad_recording_in_json_is_an_object_with_its_error(program, commands, tmp_path):
    result = program.run("--json", commands, tmp_path / "missing.wav")
    assert (result.returncode, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {
        "file": str(tmp_path / "missing.wav"),
        "error": "there is no such file",
    }


def test_no_prefix_of_a_recording_is_transcribed(program, commands, tmp_path):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 20_000)
    soundfile.write(tmp_path / "whole.wav", noise, 16000)
    soundfile.write(tmp_path / "whole.ogg", noise, 16000)
    for source in (tmp_path / "whole.wav", tmp_path / "whole.ogg", data.SAMPLES / "stop.flac"):
        content = source.read_bytes()
        cuts = [tmp_path / f"{i}{source.suffix}" for i in range(40)]
        for i, cut in enumerate(cuts):
            cut.write_bytes(content[: i * len(content) // len(cuts)])
        result = program.run(commands, *cuts)
        assert (result.returncode, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == len(cuts)


# Whole recordings whose headers are wrong


def wav(data_size=None, riff_size=None):
    """Return "ONE TWO THREE" as a wav file with these lengths in its header."""
    samples, rate = soundfile.read(data.SAMPLES / "one-two-three.flac", dtype="int16")
    content = samples.tobytes()
    riff = 36 + len(content) if riff_size is None else riff_size
    size = len(content) if data_size is None else data_size(len(content))
    return b"".join(
        [
            b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt ",
            struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16),
            b"data" + struct.pack("<I", size) + content,
        ]
    )


def flac(total=None, digest=None):
    """Return "ONE TWO THREE" as a FLAC file with this count and this MD5 in its header."""
    content = bytearray((data.SAMPLES / "one-two-three.flac").read_bytes())
    assert content[:4] == b"fLaC"
    if total is not None:
        content[21] = content[21] & 0xF0
        content[22:26] = struct.pack(">I", total)
    if digest is not None:
        content[26:42] = digest
    return bytes(content)


WHOLE = {
    **{f"plus-{n}.wav": lambda n=n: wav(lambda size: size + n) for n in (1, 2, 8, 16, 28, 36, 44)},
    **{
        f"pipe-{n:x}.wav": lambda n=n: wav(lambda _: n)
        for n in (0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    },
    "riff-small.wav": lambda: wav(riff_size=99),
    "riff-large.wav": lambda: wav(riff_size=10**8),
    "padded.wav": lambda: wav() + bytes(4096),
    "tagged.wav": lambda: wav() + b"LIST" + struct.pack("<I", 100) + bytes(100),
    "unknown.flac": lambda: flac(0, bytes(16)),
    "too-few.flac": lambda: flac(20_000, bytes(16)),
    "too-many.flac": lambda: flac(80_000),
    "too-many-without-md5.flac": lambda: flac(80_000, bytes(16)),  # but its last frame is short
    "id3.wav": lambda: wav() + b"ID3" + bytes(range(256)) * 9,
    "tagged.flac": lambda: flac() + b"TAG" + bytes(125),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_recording_with_a_wrong_header_is_heard(program, commands, tmp_path, name):
    (tmp_path / name).write_bytes(WHOLE[name]())
    result = program.run("--json", commands, tmp_path / name)
    answer = json.loads(result.stdout)
    assert (answer.get("text"), answer.get("error")) == ("ONE TWO THREE", None)
    assert answer["duration"] == pytest.approx(2.475, abs=0.02)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_is_heard_as_in_python(program, commands, tmp_path, subtype):
    samples, rate = soundfile.read(data.SAMPLES / "one-two-three.flac")
    soundfile.write(tmp_path / "x.ogg", samples, rate, format="OGG", subtype=subtype)
    result = program.run(commands, tmp_path / "x.ogg")
    assert (result.stdout, result.stderr) == ("ONE TWO THREE\n", "")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_without_an_end_flag_is_heard(program, commands, tmp_path, subtype):
    """Recorders on telephones never set it; a page that is missing shows all the same."""
    samples, rate = soundfile.read(data.SAMPLES / "one-two-three.flac")
    path, cut = tmp_path / "x.ogg", tmp_path / "cut.ogg"
    soundfile.write(path, np.tile(samples, 3), rate, format="OGG", subtype=subtype)
    pages = read_pages(path.read_bytes())
    pages[-1][5] &= ~4
    path.write_bytes(b"".join(seal(page) for page in pages))
    cut.write_bytes(b"".join(seal(page) for page in pages)[:-1])
    result = program.run(commands, path, cut)
    assert result.stdout.split() == 3 * ["ONE", "TWO", "THREE"]
    assert "truncated or damaged: the file ends before its stream does" in result.stderr


def read_pages(content):
    """Split an Ogg file into its pages."""
    return [bytearray(b"OggS" + page) for page in content.split(b"OggS")[1:]]


def seal(page):
    """Return a page with its checksum."""
    page[22:26] = bytes(4)
    page[22:26] = ogg.checksum(bytes(page)).to_bytes(4, "little")
    return bytes(page)


def damaged_flac(seed):
    content = bytearray(flac(0, bytes(16)))
    content[len(content) * (seed + 1) // 8] ^= 1
    return bytes(content)


INCOMPLETE = {
    "half.wav": lambda: wav(lambda size: size // 2),  # the rest may be samples too
    "2-gb.wav": lambda: wav(lambda _: 0x7FFF0000),
    "more-than-2-gb.wav": lambda: wav(lambda _: 0x90000000),
    "640-missing.wav": lambda: wav(lambda size: size + 2 * 640),
    "md5.flac": lambda: flac(digest=bytes(15) + b"x"),
    "joined.wav": lambda: wav() + wav(),
    "second-data.wav": lambda: wav() + b"data" + struct.pack("<I", 9999) + 9999 * b"x",
    "joined.flac": lambda: flac() + flac(),
    "joined-unknown.flac": lambda: 2 * flac(0, bytes(16)),
    "cut-unknown.flac": lambda: flac(0, bytes(16))[:20_000],
    **{f"damaged-{seed}.flac": lambda seed=seed: damaged_flac(seed) for seed in range(6)},
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_an_incomplete_recording_is_refused(program, commands, tmp_path, name):
    (tmp_path / name).write_bytes(INCOMPLETE[name]())
    result = program.run(commands, tmp_path / name)
    assert (result.returncode, result.stdout) == (1, "")
    assert re.search("truncated|damaged|one behind another", result.stderr)


def test_an_address_is_not_a_missing_file(program, commands):
    result = program.run(commands, "https://example.org/x.wav")
    assert result.stderr.startswith("error: https://example.org/x.wav: is an address")


def test_control_characters_of_a_name_do_not_reach_the_terminal(program, commands, tmp_path):
    result = program.run(commands, tmp_path / "a\x1b]0;x\x07\x9b.wav")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {tmp_path}/a?]0;x??.wav: ")


@pytest.mark.parametrize(
    ("level", "is_warned"), [(1 / 2**31, True), (2 / 2**15, False), (0, False)]
)
def test_a_recording_of_silence_is_warned_of(program, commands, tmp_path, level, is_warned):
    """Samples of 16 bits in a file of 32 are 96 dB too quiet."""
    samples, rate = soundfile.read(data.SAMPLES / "yes.flac")
    path = tmp_path / "quiet.wav"
    soundfile.write(path, samples / np.abs(samples).max() * 2**15 * level, rate, subtype="FLOAT")
    result = program.run(commands, path)
    expected = f"warning: {path}: the whole recording is below -90 dB, silence to a model\n"
    assert (result.returncode, result.stderr) == (0, expected if is_warned else "")
