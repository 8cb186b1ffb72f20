"""runtime/cpp: the installed library in projects of others, with CMake and with pkg-config."""

import json
import shutil

import pytest

import voxport
from support import cpp, data

MAIN = """
#include <iostream>
#include <voxport/voxport.hpp>

int main(int, char** argv) {
  static_assert(VOXPORT_VERSION_MAJOR * 1000 + VOXPORT_VERSION_MINOR >= 1);
  const voxport::Recognizer recognizer(argv[1]);
  std::cout << recognizer.transcribe(voxport::read_audio(argv[2])).text << '\\n';
}
"""
PROJECT = """
cmake_minimum_required(VERSION 3.18)
project(app LANGUAGES CXX)
find_package(voxport VERSION REQUIRED)
add_executable(app main.cpp)
target_link_libraries(app PRIVATE voxport::voxport)
"""
EMBEDDED = """
cmake_minimum_required(VERSION 3.18)
project(app LANGUAGES CXX)
add_executable(transcribe main.cpp)  # a name that the library leaves to its user
add_subdirectory(SOURCES voxport)
target_link_libraries(transcribe PRIVATE voxport::voxport)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An unpacked release of ONNX Runtime."""
    cpp.skip_without_tools()
    return cpp.find_onnxruntime(tmp_path_factory.mktemp("onnxruntime"))


@pytest.fixture(scope="module", params=["OFF", "ON"], ids=["static", "shared"])
def prefix(request, install):
    """The folder that the library is installed into."""
    return install(request.param)


def write_project(folder, text):
    """Write a CMake project with a program that transcribes."""
    (folder / "main.cpp").write_text(MAIN)
    (folder / "CMakeLists.txt").write_text(text)


def test_a_project_with_find_package_transcribes(prefix, commands, tmp_path):
    write_project(tmp_path, PROJECT.replace("VERSION REQ", f"{voxport.__version__} REQ"))
    cpp.configure_and_build(tmp_path, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    output = cpp.call(tmp_path / "build" / "app", commands, data.SAMPLES / "yes.flac")
    assert output == "YES\n"


def test_a_program_built_with_pkg_config_transcribes(prefix, commands, tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config here: apt-get install pkg-config")
    write_project(tmp_path, "")
    environment = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    assert cpp.call("pkg-config", "--modversion", "voxport", environment=environment).strip() == (
        voxport.__version__
    )
    flags = cpp.call("pkg-config", "--cflags", "--libs", "voxport", environment=environment)
    program = tmp_path / "app"
    cpp.call("c++", "-std=c++17", tmp_path / "main.cpp", "-o", program, *flags.split())
    environment = {"LD_LIBRARY_PATH": str(prefix / "lib")}
    assert cpp.call(program, commands, data.SAMPLES / "yes.flac", environment=environment) == (
        "YES\n"
    )


def test_the_installed_program_transcribes(prefix, commands):
    program = cpp.Program(prefix / "bin" / "transcribe")
    result = program.run("--json", commands, data.SAMPLES / "yes.flac")
    assert json.loads(result.stdout)["text"] == "YES"


def test_a_parent_project_keeps_its_targets_and_build_type(root, tmp_path):
    """Configured only: the program, the build type and install rules are the parent's."""
    write_project(tmp_path, EMBEDDED.replace("SOURCES", str(cpp.SOURCES)))
    cpp.call("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DVOXPORT_ONNXRUNTIME_ROOT={root}")
    cache = (tmp_path / "b" / "CMakeCache.txt").read_text()
    assert "CMAKE_BUILD_TYPE:STRING=\n" in cache
    assert "VOXPORT_PROGRAM:BOOL=OFF" in cache
