"""A bundle's name as PACKAGE: exported into the cache on first use, found there afterwards."""

import shutil
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torchaudio

import voxport
from support import seeded
from support.command import YES, run, transcribe
from voxport.cli import package_argument
from voxport.errors import IntegrityError, MissingDependencyError, UnknownModelError
from voxport.package import find, named_models
from voxport_export.sources import bundle

NAME = "WAV2VEC2_ASR_BASE_960H"
EXPORTER = "voxport_export.package.on_demand:export_bundle"


@pytest.fixture(autouse=True)
def offered(monkeypatch):
    """The entry point, as pyproject.toml has it."""
    point = EntryPoint("torchaudio", EXPORTER, named_models.GROUP)
    monkeypatch.setattr(named_models, "entry_points", lambda group: [point])


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    """A cache in which the bundle was exported by its first use, and what that said."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(folder / "torch"))
        patch.setenv("VOXPORT_CACHE", str(folder / "voxport"))
        point = EntryPoint("torchaudio", EXPORTER, named_models.GROUP)
        patch.setattr(named_models, "entry_points", lambda group: [point])
        narrow = seeded.narrow(bundle.bundles()[NAME])
        patch.setattr(torchaudio.pipelines, NAME, narrow)
        seeded.put_weights(narrow, folder / "torch")
        return folder / "voxport", transcribe(NAME, YES)


@pytest.fixture
def cache(cached, tmp_path, monkeypatch):
    """A copy of it; whoever would export again fails."""
    shutil.copytree(cached[0], tmp_path / "cache")
    monkeypatch.setenv("VOXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(named_models, "entry_points", lambda group: [])
    return tmp_path / "cache" / "packages" / NAME


def test_the_first_use_exports_into_the_cache_and_says_so(cached):
    folder, result = cached
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    package = folder / "packages" / NAME
    assert f"voxport: {NAME} is exported into {package} once" in result.stderr
    assert (package / "manifest.json").is_file()
    assert list(package.parent.iterdir()) == [package]  # nothing half-written beside it


def test_the_second_use_loads_from_the_cache(cached, cache):
    result = transcribe(NAME, YES)
    assert (result.exit_code, result.stdout) == (0, cached[1].stdout)
    assert result.stderr == ""
    assert f"{voxport.load(NAME, 'cpu').transcribe(YES).text}\n" == result.stdout
    assert run("inspect", NAME).exit_code == 0


def test_a_changed_file_in_the_cache_is_refused(cache):
    weights = cache / "model.onnx"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(IntegrityError):
        voxport.load(NAME, "cpu")


@pytest.mark.parametrize("missing", ["manifest.json", "model.onnx"])
def test_a_half_written_entry_does_not_count(cache, missing, monkeypatch):
    (cache / missing).unlink()
    with pytest.raises(MissingDependencyError, match="needs torch"):
        voxport.load(NAME, "cpu")

    def export(name, output, say):
        output.mkdir()
        (output / "from").write_text(name)

    point = type("Point", (), {"name": "torchaudio", "load": lambda self: export})()
    monkeypatch.setattr(named_models, "entry_points", lambda group: [point])
    said = []
    folder = named_models.cached_package(NAME, said.append)
    assert [path.name for path in folder.iterdir()] == ["from"]
    assert said == [f"{folder} is damaged and is exported again"]


def test_python_users_are_told_by_the_logger(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(
        find, "cached_package", lambda name, say: say(f"exported {name}") or tmp_path
    )
    find.find_package(NAME)
    assert caplog.messages == [f"exported {NAME}"]


def test_a_folder_of_the_name_comes_first(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(exported, NAME)
    assert find.find_package(NAME) == Path(NAME)
    assert transcribe(NAME, YES).exit_code == 0


def test_without_torch_the_message_names_what_to_install(monkeypatch, tmp_path, without):
    monkeypatch.setenv("VOXPORT_CACHE", str(tmp_path))
    monkeypatch.delitem(
        __import__("sys").modules, "voxport_export.package.on_demand", raising=False
    )
    without("voxport_export.package.on_demand")
    result = transcribe(NAME, YES)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert 'needs torch: pip install "voxport[export,cpu]"' in result.stderr
    assert not (tmp_path / "packages").exists()


def test_an_unknown_bundle_is_an_error_that_names_the_nearest(monkeypatch, tmp_path):
    monkeypatch.setenv("VOXPORT_CACHE", str(tmp_path))
    with pytest.raises(UnknownModelError, match=f"nearest names: {NAME}"):
        voxport.load("WAV2VEC2_ASR_BASE_960", "cpu")


def test_a_recording_behind_a_bundle_is_no_package(monkeypatch):
    monkeypatch.setenv(package_argument.ENVIRONMENT, "commands")
    assert package_argument.split_package([NAME, "yes.flac"], "transcribe") == (NAME, ["yes.flac"])


def test_far_fetched_names_are_not_suggested():
    for name, near in (("comands", True), ("colander", False), ("demands", False)):
        with pytest.raises(UnknownModelError) as error:
            find.find_package(name)
        assert ("did you mean" in str(error.value)) == near
