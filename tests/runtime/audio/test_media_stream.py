"""Files that PyAV reads: every sample against FFmpeg's own, and every way in which they are bad."""

import io
import logging
import os
import random
import shutil
import subprocess
import threading

import numpy as np
import pytest

import voxport
from support.data import ROOT
from voxport.audio import media_check, media_formats
from voxport.audio.files import audio_files, open_audio, read_audio
from voxport.errors import AudioFileError

av = pytest.importorskip("av", reason='PyAV is not installed: pip install "voxport[media]"')

RATE = 16_000
SAMPLE = ROOT / "models/commands/samples/one-two-three.flac"
# name: container of FFmpeg's, codec, rate, largest difference of a sample from the original
WRITTEN = {
    "a.m4a": ("ipod", "aac", RATE, 0.1),
    "a.mp4": ("mp4", "aac", 44_100, 0.1),
    "a.mov": ("mov", "pcm_s16le", RATE, 1e-4),
    "lossless.m4a": ("ipod", "alac", RATE, 1e-4),
    "a.webm": ("webm", "libopus", 48_000, 0.1),
    "a.mkv": ("matroska", "flac", RATE, 1e-4),
    "a.wma": ("asf", "wmav2", RATE, 0.1),
    "a.aac": ("adts", "aac", RATE, 0.1),
    "a.ac3": ("ac3", "ac3", 32_000, 0.1),
    "a.eac3": ("eac3", "eac3", 32_000, 0.1),
    "a.amr": ("amr", "libopencore_amrnb", 8_000, 0.3),
    "a.3gp": ("3gp", "libopencore_amrnb", 8_000, 0.3),
}
# Bytes of the header and of a frame, where there is no index.
RAW_FRAMES = {"a.ac3": (0, 384), "a.eac3": (0, 384), "a.amr": (6, 32)}
CHECKED = [name for name in WRITTEN if name not in ("a.mov", "lossless.m4a")]


def speech(rate=RATE, channels=1):
    """Two seconds of a voice-like sound, in equal channels: integers of 16 bits."""
    time = np.arange(2 * rate) / rate
    waveform = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 12))
    waveform = 0.15 * waveform * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    samples = np.round(waveform * 2**15).astype(np.int16)
    return np.repeat(samples[None], channels, axis=0)


def write_media(path, container, codec, rate, samples=None, options=None):
    """Write samples (channels, S) with PyAV."""
    samples = speech(rate) if samples is None else samples
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 12_200 if codec == "libopencore_amrnb" else 64_000
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file of each format."""
    folder = tmp_path_factory.mktemp("media")
    return {
        name: write_media(folder / name, container, codec, rate)
        for name, (container, codec, rate, _) in WRITTEN.items()
    }


@pytest.mark.parametrize("name", WRITTEN)
def test_every_format_is_decoded_at_its_own_rate(written, name):
    audio = read_audio(written[name])
    _, codec, rate, tolerance = WRITTEN[name]
    assert audio.sample_rate == rate
    expected = speech(rate)[0] / 2**15
    assert len(audio.waveform) >= len(expected) - (2048 if codec == "wmav2" else 320)
    shift = 0 if tolerance < 0.01 else best_shift(audio.waveform, expected)
    found = audio.waveform[shift : shift + len(expected)]
    middle = slice(len(found) // 10, len(found) * 9 // 10)  # codecs begin and end softly
    assert np.abs(found[middle] - expected[: len(found)][middle]).max() < tolerance


def best_shift(found, expected):
    """Samples of a codec's delay that its container does not record."""
    part = expected[4000:8000]
    return max(range(2200), key=lambda shift: found[shift + 4000 : shift + 8000] @ part)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("name", WRITTEN)
def test_samples_are_those_of_ffmpeg(written, name):
    """Edit lists, priming and padding included."""
    command = ["ffmpeg", "-v", "error", "-i", written[name], "-f", "f32le", "-"]
    expected = np.frombuffer(subprocess.check_output(command), np.float32)
    found = read_audio(written[name]).waveform
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_an_edit_list_is_respected(written, tmp_path):
    """A player starts at 0.5 s; what stands before is not said in this recording."""
    path = tmp_path / "edited.m4a"
    source = ["-ss", "0.5", "-i", written["a.m4a"], "-c", "copy"]
    subprocess.run(["ffmpeg", "-v", "error", *source, path], check=True)
    audio = read_audio(path)
    assert len(audio.waveform) / audio.sample_rate == pytest.approx(1.5, abs=0.07)


@pytest.mark.parametrize("name", ["a.m4a", "a.webm", "a.amr"])
def test_bytes_open_files_and_pipes_are_read_too(written, tmp_path, name):
    content = written[name].read_bytes()
    expected = read_audio(written[name]).waveform
    np.testing.assert_array_equal(read_audio(content).waveform, expected)
    np.testing.assert_array_equal(read_audio(io.BytesIO(content)).waveform, expected)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    np.testing.assert_array_equal(read_audio(pipe).waveform, expected)
    writer.join()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_cut_file_is_refused(written, name):
    content = written[name].read_bytes()
    header, frame = RAW_FRAMES.get(name, (0, len(content)))
    cuts = [len(content) - 1, *range(len(content) // 3, len(content) - 1, len(content) // 7)]
    cuts += [header + 20 * frame + more for more in (1, 5, frame - 1)] if frame < 1000 else []
    for cut in cuts:
        if (cut - header) % frame == 0:  # whole by all that is in it
            continue
        with pytest.raises(AudioFileError, match=r"truncated|damaged"):
            read_audio(content[:cut])


@pytest.mark.parametrize("name", CHECKED)
def test_a_file_with_a_hole_is_refused(written, name):
    content = written[name].read_bytes()
    place = len(content) // 2
    with pytest.raises(AudioFileError):
        read_audio(content[:place] + content[place + 400 :])


@pytest.mark.parametrize("name", [name for name in CHECKED if "amr" not in WRITTEN[name][1]])
def test_damage_never_shortens_a_recording(written, name):
    """Bits that no codec can tell from others may change a sound; nothing may be left out."""
    content = written[name].read_bytes()
    whole = read_audio(content)
    draw = random.Random(name)
    for _ in range(12):
        damaged = bytearray(content)
        place, size = draw.randrange(200, len(content) - 300), draw.choice([1, 8, 100])
        damaged[place : place + size] = draw.randbytes(size)
        try:
            found = read_audio(bytes(damaged))
        except AudioFileError:
            continue
        assert len(found.waveform) / found.sample_rate >= 2 - 0.05 - 0.13 * (name == "a.wma")
        assert abs(len(found.waveform) - len(whole.waveform)) <= 0.05 * whole.sample_rate


def test_channels_are_averaged(tmp_path):
    left, right = speech()[0], np.zeros(2 * RATE, np.int16)
    path = write_media(tmp_path / "a.mkv", "matroska", "flac", RATE, np.stack([left, right]))
    np.testing.assert_allclose(read_audio(path).waveform, left / 2**16, atol=1e-4)


def test_of_several_tracks_the_first_sound_is_read(tmp_path):
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w", format="matroska") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        sounds = [file.add_stream("flac", rate=RATE, layout="mono") for _ in range(2)]
        for number in range(20):
            image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            image.pts = number
            file.mux(picture.encode(image))
        for sound, scale in zip(sounds, (1, 3), strict=True):
            frame = av.AudioFrame.from_ndarray(speech() // scale, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            file.mux(sound.encode(frame))
        for stream in [picture, *sounds]:
            file.mux(stream.encode(None))
    np.testing.assert_allclose(read_audio(path).waveform, speech()[0] / 2**15, atol=1e-4)


def test_a_film_without_sound_is_refused(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w", format="mp4") as file:
        picture = file.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        file.mux(picture.encode(image))
        file.mux(picture.encode(None))
    with pytest.raises(AudioFileError, match="holds no audio track"):
        read_audio(path)


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile 'other.wav'\n",
        b"<?xml version='1.0'?><MPD><BaseURL>http://localhost/a.mp4</BaseURL></MPD>",
        b"[playlist]\nFile1=/etc/passwd\n",
    ],
    ids=["HLS", "concat", "DASH", "pls"],
)
def test_a_list_of_other_files_is_no_recording(tmp_path, content):
    path = tmp_path / "a.m4a"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"does not read|not audio"):
        read_audio(path)


@pytest.mark.parametrize("kind", [b"url ", b"alis"])
def test_sound_in_another_file_is_not_opened(written, tmp_path, kind):
    """QuickTime can name a file that holds its samples."""
    content = written["a.mov"].read_bytes()
    target = tmp_path / "secret"
    target.write_bytes(content)
    named = kind + bytes(4) + f"file://{target}".encode() + b"\0"
    entry = (len(named) + 4).to_bytes(4, "big") + named
    place = content.rindex(b"dref")
    size = 4 + 4 + 4 + 4 + len(entry)
    old = int.from_bytes(content[place - 4 : place], "big")
    dref = size.to_bytes(4, "big") + b"dref" + bytes(4) + (1).to_bytes(4, "big") + entry
    changed = content[: place - 4] + dref + content[place - 4 + old :]
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        at = changed.rindex(name, 0, place)
        length = int.from_bytes(changed[at - 4 : at], "big") + size - old
        changed = changed[: at - 4] + length.to_bytes(4, "big") + changed[at:]
    reads = []
    with pytest.MonkeyPatch.context() as patch:
        opened = os.open
        patch.setattr(
            os, "open", lambda *given, **more: reads.append(given) or opened(*given, **more)
        )
        try:
            found = read_audio(changed).waveform  # from the file itself
        except AudioFileError:
            found = None
    assert not any("secret" in str(read) for read in reads)
    if found is not None:
        np.testing.assert_allclose(found, speech()[0] / 2**15, atol=1e-4)


def test_an_hour_is_not_held_in_memory(tmp_path):
    """Blocks come as they are decoded, whatever the length."""
    samples = np.zeros((1, 120 * RATE), np.int16)
    samples[0, ::1000] = 2000
    path = write_media(tmp_path / "a.m4a", "ipod", "aac", RATE, samples)
    with open_audio(path) as stream:
        sizes = [len(block) for block in stream.blocks()]
    assert len(sizes) > 20
    assert max(sizes) < 1 << 17


def test_ffmpeg_prints_and_logs_nothing(written, capfd, caplog):
    content = bytearray(written["a.m4a"].read_bytes())
    content[2000:2400] = bytes(400)
    with caplog.at_level(logging.DEBUG), pytest.raises(AudioFileError):
        read_audio(bytes(content))
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("libav")]


def test_a_folder_holds_media_files_if_they_can_be_read(tmp_path, monkeypatch):
    for name in ("a.wav", "b.m4a", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in audio_files(tmp_path)] == ["a.wav", "b.m4a"]
    monkeypatch.setattr(media_formats, "is_installed", lambda: False)
    assert [path.name for path in audio_files(tmp_path)] == ["a.wav"]


def test_a_transcript_is_the_same_from_lossless_media(tmp_path):
    recognizer = voxport.load("commands", "cpu")
    waveform = read_audio(SAMPLE).waveform
    samples = np.round(waveform * 2**15).astype(np.int16)[None]
    path = write_media(tmp_path / "a.m4a", "ipod", "alac", RATE, samples)
    found, expected = recognizer.transcribe(path), recognizer.transcribe(SAMPLE)
    assert found.text == expected.text == "ONE TWO THREE"
    assert found.duration == pytest.approx(expected.duration, abs=1e-3)
    aligned = recognizer.align(path, "one two three")
    assert aligned.words[0].start == pytest.approx(expected.words[0].start, abs=0.05)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xf1\x50\x80\x01\x1f\xfc\0", "truncated"),
        (b"\x1aE\xdf\xa3\x81", "truncated"),
        (b"\0\0\0\x18ftypisom" + bytes(12), "its index, the box moov, is missing"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c" + bytes(8), "truncated"),
    ],
)
def test_headers_alone_are_refused(content, expected):
    with pytest.raises(AudioFileError, match=expected):
        read_audio(content)


def test_a_header_that_promises_terabytes_is_refused_at_once():
    content = b"\0\0\0\x01mdat" + (1 << 42).to_bytes(8, "big") + bytes(100)
    assert media_check.problem(io.BytesIO(content), "mov").startswith("truncated")
