import pytest

from voxport.errors import InputError, PackageError, PackageNotFoundError, UnknownModelError
from voxport.package import find
from voxport.package.find import find_package, shipped_models


@pytest.fixture
def ships(monkeypatch, tmp_path):
    """Two shipped models, in place of the real ones, and an empty working folder."""
    for name in ("commands", "digits"):
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "manifest.json").touch()
    (tmp_path / "packages" / "unfinished").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "packages")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "packages"


def test_shipped_models_are_listed_and_found(ships):
    assert shipped_models() == ["commands", "digits"]
    assert find_package("commands") == ships / "commands"


def test_a_folder_is_returned_as_it_is(ships, tmp_path):
    assert find_package(tmp_path) == tmp_path
    assert find_package(str(tmp_path)) == tmp_path


def test_a_plain_word_means_the_shipped_model(ships, tmp_path):
    (tmp_path / "here" / "commands").mkdir()
    assert find_package("commands") == ships / "commands"
    assert find_package("./commands").samefile(tmp_path / "here" / "commands")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("comands", r"did you mean commands\? shipped models: commands, digits;"),
        ("Digits", r"did you mean digits\?"),
        ("whisper", r"neither a folder nor a shipped model: shipped models: commands, digits"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(ships, name, message):
    with pytest.raises(UnknownModelError, match=message):
        find_package(name)


def test_an_unknown_name_with_no_shipped_models(ships, monkeypatch, tmp_path):
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "nothing")
    with pytest.raises(UnknownModelError, match="shipped models: none"):
        find_package("commands")


def test_a_missing_folder_is_named(ships):
    with pytest.raises(PackageNotFoundError, match=r"build/x: there is no such folder"):
        find_package("build/x")


def test_a_folder_without_permission_is_an_error_of_ours(ships, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(find, "shipped_models", list)
    monkeypatch.setattr("pathlib.Path.is_dir", refuse)
    with pytest.raises(PackageError, match="build/x: cannot be read: Permission denied"):
        find_package("build/x")


@pytest.mark.parametrize("package", ["", None, 3, b"commands", ["commands"]])
def test_a_value_that_is_no_path_is_refused(ships, package):
    with pytest.raises(InputError, match="expected a package's folder or a shipped model's name"):
        find_package(package)


def test_a_file_is_refused_as_a_package(ships):
    with pytest.raises(PackageNotFoundError, match="a package is a folder"):
        find_package(ships / "commands" / "manifest.json")
