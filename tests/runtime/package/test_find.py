import pytest

from voxport.errors import InputError, PackageError, PackageNotFoundError, UnknownModelError
from voxport.package import find


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


def test_shipped(ships):
    assert find.shipped() == ["commands", "digits"]
    assert find.find("commands") == ships / "commands"


def test_a_folder(ships, tmp_path):
    assert find.find(tmp_path) == tmp_path
    assert find.find(str(tmp_path)) == tmp_path


def test_a_plain_word_means_the_shipped_model(ships, tmp_path):
    (tmp_path / "here" / "commands").mkdir()
    assert find.find("commands") == ships / "commands"
    assert find.find("./commands").samefile(tmp_path / "here" / "commands")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("comands", r"did you mean commands\? shipped models: commands, digits;"),
        ("Digits", r"did you mean digits\?"),
        ("whisper", r"neither a folder nor a shipped model: shipped models: commands, digits"),
    ],
)
def test_an_unknown_name(ships, name, message):
    with pytest.raises(UnknownModelError, match=message):
        find.find(name)


def test_none_shipped(ships, monkeypatch, tmp_path):
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "nothing")
    with pytest.raises(UnknownModelError, match="shipped models: none"):
        find.find("commands")


def test_no_such_folder(ships):
    with pytest.raises(PackageNotFoundError, match=r"build/x: there is no such folder"):
        find.find("build/x")


def test_a_folder_without_rights(ships, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(find, "shipped", list)
    monkeypatch.setattr("pathlib.Path.is_dir", refuse)
    with pytest.raises(PackageError, match="build/x: cannot be read: Permission denied"):
        find.find("build/x")


@pytest.mark.parametrize("package", ["", None, 3, b"commands", ["commands"]])
def test_what_is_no_name(ships, package):
    with pytest.raises(InputError, match="expected a package's folder or a shipped model's name"):
        find.find(package)


def test_a_file_is_no_package(ships):
    with pytest.raises(PackageNotFoundError, match="a package is a folder"):
        find.find(ships / "commands" / "manifest.json")
