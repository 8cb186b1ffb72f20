"""Errors: one base, a subject attached once, and the builtins expected by callers."""

import pickle

import pytest

import voxport
from voxport import errors

PUBLIC = [item for name, item in vars(errors).items() if name.endswith("Error")]


@pytest.mark.parametrize("error", PUBLIC)
def test_every_error_has_one_base_and_keeps_its_message(error):
    assert issubclass(error, voxport.VoxportError)
    assert str(error("what: why; what to do")) == "what: why; what to do"


@pytest.mark.parametrize("error", PUBLIC)
def test_subject_and_reason_are_kept_apart(error):
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
def test_refusals_of_the_system_become_errors(refusal, reason):
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
def test_each_error_is_the_builtin_that_a_caller_expects(error, builtin):
    assert issubclass(error, builtin)


def test_a_subject_is_attached_once():
    """However many front doors an error passes; an error without one gets it on its way."""
    with pytest.raises(errors.AudioError, match=r"^a\.wav: why$") as caught:  # noqa: SIM117
        with errors.naming("a.wav"), errors.naming("a.wav"):
            raise errors.AudioError("why")
    assert (caught.value.reason, caught.value.subject) == ("why", "a.wav")


def test_another_subject_goes_in_front():
    with (
        pytest.raises(errors.AudioError, match=r"^audio\[1\]: a\.wav: why$"),
        errors.naming("audio[1]"),
    ):
        raise errors.AudioError("why", "a.wav")


def test_naming_keeps_the_cause_and_leaves_other_errors_alone():
    cause = OSError("disk")
    with pytest.raises(errors.AudioError) as caught, errors.naming("a.wav"):
        raise errors.AudioError("why") from cause
    assert caught.value.__cause__ is cause
    with pytest.raises(KeyError, match=r"^'b'$"), errors.naming("a.wav"):
        raise KeyError("b")
