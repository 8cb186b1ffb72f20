import pickle

import pytest

import voxport
from voxport import errors

PUBLIC = [item for name, item in vars(errors).items() if name.endswith("Error")]


@pytest.mark.parametrize("error", PUBLIC)
def test_one_base_and_a_message(error):
    assert issubclass(error, voxport.VoxportError)
    assert str(error("what: why; what to do")) == "what: why; what to do"


@pytest.mark.parametrize("error", PUBLIC)
def test_name_and_reason_are_kept_apart(error):
    found = error("why", "a: b.wav")
    assert (str(found), found.subject, found.reason) == ("a: b.wav: why", "a: b.wav", "why")
    assert found.about("a: b.wav") is found
    other = error("why").about("x")
    assert (type(other), str(other), other.reason) == (error, "x: why", "why")
    copy = pickle.loads(pickle.dumps(found))
    assert (str(copy), copy.subject, copy.reason) == (str(found), found.subject, found.reason)


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (PermissionError(13, "Permission denied"), "cannot be read: Permission denied"),
        (OSError("no reason"), "cannot be read: no reason"),
        (ValueError("embedded null byte"), "cannot be read: embedded null byte"),
        (errors.IntegrityError("changed", "b"), "changed"),
    ],
)
def test_accessing(refusal, reason):
    with pytest.raises(errors.PackageError) as caught, errors.accessing("a", errors.PackageError):
        raise refusal
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.PackageNotFoundError, FileNotFoundError),
        (errors.IntegrityError, ValueError),
        (errors.UnknownModelError, LookupError),
        (errors.MissingDependencyError, ImportError),
        (errors.ProviderUnavailableError, RuntimeError),
        (errors.InputError, ValueError),
        (errors.AudioFileError, OSError),
        (errors.AudioNotFoundError, FileNotFoundError),
    ],
)
def test_each_is_the_builtin_a_caller_expects(error, builtin):
    assert issubclass(error, builtin)
