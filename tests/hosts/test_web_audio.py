"""Audio files in Node: the samples of the Python runtime, and its refusals."""

import json

import numpy as np
import pytest
import soundfile

from support import data, web
from voxport.audio.files import read_audio
from voxport.audio.resample import resample
from voxport.errors import AudioFileError

SPEECH = data.SAMPLES / "one-two-three.flac"

# Name, container and subtype of libsndfile, channels, Hz, largest difference of samples: MP3 and
# Vorbis by another build of the decoder
KINDS = (
    ("pcm.wav", "WAV", "PCM_16", 1, 16000, 0),
    ("stereo.wav", "WAV", "PCM_24", 2, 44100, 0),
    ("mono.flac", "FLAC", "PCM_16", 1, 16000, 0),
    ("stereo.flac", "FLAC", "PCM_24", 2, 44100, 1e-6),
    ("eight.flac", "FLAC", "PCM_S8", 1, 8000, 0),
    ("mono.ogg", "OGG", "VORBIS", 1, 16000, 1e-4),
    ("stereo.ogg", "OGG", "VORBIS", 2, 44100, 1e-4),
    ("mono.opus", "OGG", "OPUS", 1, 16000, 1e-3),
    ("stereo.opus", "OGG", "OPUS", 2, 48000, 1e-3),
    ("narrow.opus", "OGG", "OPUS", 1, 8000, 1e-3),
    ("mono.mp3", "MP3", "MPEG_LAYER_III", 1, 16000, 1e-3),
    ("stereo.mp3", "MP3", "MPEG_LAYER_III", 2, 44100, 1e-3),
)

READ = """
    import { readFileSync, writeFileSync } from "node:fs";
    import { readAudio } from "voxport";
    const found = {};
    for (const path of JSON.parse(readFileSync(process.argv[1], "utf-8"))) {
      try {
        const { waveform, sampleRate } = await readAudio(path);
        writeFileSync(`${path}.f32`, new Uint8Array(waveform.buffer, waveform.byteOffset,
          waveform.byteLength));
        found[path] = sampleRate;
      } catch (error) {
        found[path] = `${error.name}: ${error.reason}`;
      }
    }
    console.log(JSON.stringify(found));
"""


@pytest.fixture(scope="module", autouse=True)
def built():
    """The module, compiled."""
    web.build()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One sentence in every kind of file."""
    folder = tmp_path_factory.mktemp("audio")
    speech, rate = soundfile.read(SPEECH, dtype="float32")
    for name, container, subtype, channels, wanted, _ in KINDS:
        waveform = resample(speech, rate, wanted)
        rows = np.stack([waveform, 0.5 * waveform][:channels], axis=1)
        soundfile.write(folder / name, rows, wanted, subtype=subtype, format=container)
    return folder


def read_in_node(folder, paths):
    """Return the rate of each file, or the refusal; its samples lie beside it."""
    listed = folder / "paths.json"
    listed.write_text(json.dumps([str(path) for path in paths]))
    return json.loads(web.node(READ, listed))


@pytest.fixture(scope="module")
def found(files):
    """The rates of the files as Node reads them."""
    return read_in_node(files, [files / kind[0] for kind in KINDS])


@pytest.mark.parametrize("kind", KINDS, ids=[kind[0] for kind in KINDS])
def test_a_file_has_the_python_runtimes_samples(files, found, kind):
    path, tolerance = files / kind[0], kind[-1]
    expected = read_audio(path)
    assert found[str(path)] == expected.sample_rate
    waveform = np.fromfile(f"{path}.f32", np.float32)
    assert len(waveform) == len(expected.waveform)
    np.testing.assert_allclose(waveform, expected.waveform, rtol=0, atol=tolerance)


def flip(content, place):
    return content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]


def test_cut_damaged_and_joined_files_are_refused(files, tmp_path):
    refused = []
    for name, *_ in KINDS:
        whole = (files / name).read_bytes()
        spoiled = {f"cut-{share}": whole[: len(whole) * share // 8] for share in range(8)}
        if not name.endswith(("wav", "mp3")):  # they have no checksums
            spoiled |= {
                f"flipped-{share}": flip(whole, len(whole) * share // 8) for share in (5, 7)
            }
        if not name.endswith(("mp3",)):
            spoiled["joined"] = whole + whole
        for kind, content in spoiled.items():
            path = tmp_path / f"{kind}-{name}"
            path.write_bytes(content)
            refused.append(path)
    answers = read_in_node(tmp_path, refused)
    taken = [path for path, answer in answers.items() if not str(answer).startswith("AudioError: ")]
    assert taken == []


def test_mp3_with_a_hole_or_without_counts_is_judged_by_its_frames(files, tmp_path):
    whole = (files / "mono.mp3").read_bytes()
    middle = len(whole) // 2
    cases = {
        "hole.mp3": whole[:middle] + bytes(1500) + whole[middle + 1500 :],
        "junk.mp3": whole[:middle] + b"x" * 1500 + whole[middle + 1500 :],
        "tagged.mp3": b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + whole + b"TAG" + bytes(125),
        "joined.mp3": whole + whole,
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    answers = read_in_node(tmp_path, [tmp_path / name for name in cases])
    answers = {path.rsplit("/", 1)[1]: answer for path, answer in answers.items()}
    assert answers["tagged.mp3"] == answers["joined.mp3"] == 16000
    assert str(answers["junk.mp3"]).startswith("AudioError: damaged: the bytes from")
    assert len(np.fromfile(tmp_path / "tagged.mp3.f32", np.float32)) == len(
        read_audio(tmp_path / "tagged.mp3").waveform
    )
    seconds = len(np.fromfile(tmp_path / "joined.mp3.f32", np.float32)) / 16000
    expected = len(read_audio(tmp_path / "joined.mp3").waveform) / 16000
    assert seconds == pytest.approx(expected, abs=0.2)


@data.needs_data
def test_real_speech_has_the_python_runtimes_samples_or_refusal(tmp_path):
    patterns = ("speech/**/*.mp3", "speech/**/*.ogg", "speech/**/*.flac", "keywords/**/*.ogg")
    paths = [path for pattern in patterns for path in sorted(data.DATA.glob(pattern))[:3]]
    links = [tmp_path / f"{i}{path.suffix}" for i, path in enumerate(paths)]
    for link, path in zip(links, paths, strict=True):
        link.symlink_to(path)
    answers = read_in_node(tmp_path, links)
    for link, path in zip(links, paths, strict=True):
        try:
            expected = read_audio(path)
        except AudioFileError:
            assert str(answers[str(link)]).startswith("AudioError: damaged"), path
            continue
        assert answers[str(link)] == expected.sample_rate, path
        waveform = np.fromfile(f"{link}.f32", np.float32)
        assert len(waveform) == len(expected.waveform), path
        np.testing.assert_allclose(waveform, expected.waveform, rtol=0, atol=2e-3)


def test_other_formats_are_refused_with_the_way_to_convert_them(tmp_path):
    soundfile.write(tmp_path / "x.aiff", np.ones(99), 16000)
    (answer,) = read_in_node(tmp_path, [tmp_path / "x.aiff"]).values()
    assert answer == (
        "AudioError: not a wav file, nor FLAC, Ogg or MP3; convert it: ffmpeg -i FILE new.wav"
    )
