"""runtime/cpp: the C interface, its symbols, and the languages that call it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support import c_library, cpp, data

EXAMPLES = cpp.SOURCES / "examples"
AUDIO = data.SAMPLES / "one-two-three.flac"


@pytest.fixture(scope="module")
def prefix(install):
    """The folder that the shared library is installed into."""
    return install("ON")


@pytest.fixture(scope="module")
def library(prefix):
    """The library, through ctypes."""
    return c_library.Library(prefix / "lib" / "libvoxport.so")


def flags(prefix):
    """Return the options of pkg-config, and where to find the library at run time."""
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config here: apt-get install pkg-config")
    environment = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    return cpp.call("pkg-config", "--cflags", "--libs", "voxport", environment=environment).split()


def paths(prefix):
    """Return the environment of a program that links the library."""
    return {
        "LD_LIBRARY_PATH": str(prefix / "lib"),
        "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"),
    }


def need(tool, package):
    """Skip without a toolchain."""
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} here: apt-get install {package}")


def test_the_shared_library_shows_its_interfaces_only(prefix):
    need("nm", "binutils")
    listed = cpp.call("nm", "-D", "--defined-only", "-C", prefix / "lib" / "libvoxport.so")
    names = [line.split(maxsplit=2)[2] for line in listed.splitlines()]
    shown = [name for name in names if not name.startswith("VOXPORT_0.1")]
    plain = {name.partition("@")[0] for name in shown if name.startswith("voxport_")}
    assert "voxport_open" in plain
    assert all("@@VOXPORT_0.1" in name for name in shown)
    others = [name for name in shown if not name.startswith("voxport_")]
    assert [name for name in others if "voxport::" not in name] == []
    inner = (
        "Backend",
        "Stitcher",
        "State::",
        "Reader::",
        "SoundFile",
        "nlohmann",
        "std::vector<voxport",
    )
    assert [name for name in others if any(word in name for word in inner)] == []


def test_a_transcript_through_ctypes_is_the_python_runtime_s(library, commands):
    with library.open(commands, keep_emission=1) as recognizer:
        answer = recognizer.transcribe_file(AUDIO)
    assert (answer["text"], len(answer["words"])) == ("ONE TWO THREE", 3)
    assert answer["emission_shape"][1] == 29


def test_a_failure_has_a_status_and_a_reason(library, commands):
    with pytest.raises(c_library.CallError) as failure:
        library.open(commands / "none")
    assert failure.value.kind == "PackageNotFoundError"
    assert "there is no such folder" in str(failure.value)
    with library.open(commands) as recognizer, pytest.raises(c_library.CallError) as failure:
        recognizer.transcribe_file("missing.wav")
    assert failure.value.kind == "AudioNotFoundError"
    assert str(failure.value) == "missing.wav: there is no such file"


def test_null_is_refused_and_not_read(library):
    assert library.calls.voxport_open(None, None, None) == 30
    assert library.calls.voxport_last_error() == b"recognizer must not be NULL"
    library.calls.voxport_close(None)
    library.calls.voxport_transcript_free(None)
    assert library.calls.voxport_transcript_text(None) == b""


def test_options_without_their_size_are_refused(library, commands):
    options = c_library.Options()
    assert library.status_of_open(commands, options) == 30


def test_c(prefix, commands, tmp_path):
    need("cc", "gcc")
    program = tmp_path / "app"
    source = EXAMPLES / "c" / "transcribe.c"
    warnings = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    cpp.call("cc", *warnings, source, "-o", program, *flags(prefix))
    output = cpp.call(program, commands, AUDIO, environment=paths(prefix))
    assert output.splitlines()[0] == "ONE TWO THREE"
    failed = subprocess.run(
        [program, commands, "missing.wav"],
        capture_output=True,
        text=True,
        env={**os.environ, **paths(prefix)},
    )
    expected = "error: missing.wav: there is no such file\n"
    assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", expected)


def test_go(prefix, commands, tmp_path):
    need("go", "golang-go")
    program, home = tmp_path / "app", {"HOME": str(tmp_path), "GOFLAGS": "-buildvcs=false -p=1"}
    cpp.call(
        "go",
        "build",
        "-o",
        program,
        EXAMPLES / "go" / "main.go",
        environment={**paths(prefix), **home},
    )
    assert cpp.call(program, commands, AUDIO, environment=paths(prefix)) == "ONE TWO THREE\n"


def test_rust(prefix, commands, tmp_path):
    need("rustc", "rustc")
    program = tmp_path / "app"
    cpp.call("rustc", EXAMPLES / "rust" / "main.rs", "-L", prefix / "lib", "-o", program)
    assert cpp.call(program, commands, AUDIO, environment=paths(prefix)) == "ONE TWO THREE\n"


def test_java(prefix, commands, tmp_path):
    need("javac", "default-jdk-headless")
    compiler = Path(shutil.which("javac") or "").resolve()
    headers = compiler.parents[1] / "include"
    bridge = ["-I", headers, "-I", headers / "linux", *flags(prefix)]
    source = EXAMPLES / "java"
    cpp.call("javac", "-d", tmp_path, source / "Voxport.java")
    library = tmp_path / "libvoxport_jni.so"
    cpp.call("cc", "-shared", "-fPIC", source / "voxport_jni.c", "-o", library, *bridge)
    run = ["java", f"-Djava.library.path={tmp_path}", "-cp", tmp_path, "Voxport", commands, AUDIO]
    assert cpp.call(*run, environment=paths(prefix)) == "ONE TWO THREE\n"
