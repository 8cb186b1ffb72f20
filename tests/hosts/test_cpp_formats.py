"""runtime/cpp: subtitles and standard input, as the Python runtime has them."""

import subprocess

import pytest
import soundfile

import voxport
from support import cpp, data
from vectors import generate
from voxport.transcript.formats import format_transcript

MAIN = """
#include <iostream>
#include "subtitles.hpp"

int main(int, char** argv) {
  voxport::Transcript transcript;
  std::getline(std::cin, transcript.text);
  for (std::string line; std::getline(std::cin, line);) {
    voxport::Word word;
    word.start = std::stod(line);
    word.end = std::stod(line.substr(line.find(' ')));
    word.text = line.substr(line.find('|') + 1);
    transcript.words.push_back(word);
  }
  std::cout << program::format_subtitles(transcript, argv[1]);
}
"""
TEXTS = (
    "a <b> & c " + "words enough to fill some lines of forty-two columns " * 4,
    "今天天气很好、我们去公园散步吧。你觉得怎么样。" * 4,
    "สวัสดีครับ วันนี้อากาศดีมาก",
    "きょうは、いいてんきです。「さんぽ」に いきましょう",
    "안녕하세요 반갑습니다 오늘은 날씨가 아주 좋고 하늘이 맑습니다 그래서 우리는 산책을 갑니다",
)


@pytest.mark.parametrize("form", ["txt", "srt", "vtt", "tsv", "json"])
def test_documents_are_those_of_the_python_runtime(program, commands, tmp_path, form):
    path = tmp_path / "long.wav"
    soundfile.write(path, generate.joined(), 16000)
    transcript = voxport.load(commands, provider="cpu").transcribe(path)
    result = program.run("--format", form, commands, path)
    assert (result.returncode, result.stderr) == (0, "")
    if form != "json":  # its scores may differ in the last digit
        assert result.stdout == format_transcript(transcript, form, str(path))


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    """A program that writes subtitles of words with times."""
    cpp.skip_without_tools()
    folder = tmp_path_factory.mktemp("writer")
    (folder / "main.cpp").write_text(MAIN)
    program = cpp.SOURCES / "program"
    includes = ("-I", program, "-I", cpp.SOURCES / "include")
    sources = (folder / "main.cpp", program / "subtitles.cpp")
    cpp.call("c++", "-std=c++17", *includes, *sources, "-o", folder / "writer")
    return folder / "writer"


@pytest.mark.parametrize("text", TEXTS, ids=["latin", "chinese", "thai", "japanese", "korean"])
@pytest.mark.parametrize("form", ["srt", "vtt", "tsv"])
def test_every_script_breaks_as_in_python(writer, text, form):
    words = [
        voxport.Word(word, 0.7 * i, 0.7 * i + 0.04 * len(word), 0.5)
        for i, word in enumerate(text.split())
    ]
    lines = [text.strip(), *(f"{word.start!r} {word.end!r}|{word.text}" for word in words)]
    done = subprocess.run([writer, form], input="\n".join(lines).encode(), capture_output=True)
    expected = format_transcript(voxport.Transcript(text.strip(), 60.0, tuple(words)), form)
    assert done.stdout.decode() == expected


def test_standard_input_is_read(program, commands):
    content = (data.SAMPLES / "yes.flac").read_bytes()
    result = subprocess.run([program.path, commands, "-"], input=content, capture_output=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"YES\n", b"")
    result = subprocess.run([program.path, commands, "-"], input=b"", capture_output=True)
    assert result.returncode == 1
    assert b"the file is empty (0 bytes)" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--format", "pdf", "p", "a"], "--format must be txt, json, srt, vtt or tsv, got 'pdf'"),
        (["--format", "srt", "p", "a", "b"], "--format srt takes one audio file, got 2"),
    ],
)
def test_a_wrong_format_is_wrong_usage(program, args, message):
    result = program.run(*args)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
