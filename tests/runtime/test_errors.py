import pytest

import voxport
from voxport import errors

PUBLIC = [item for item in vars(errors).values() if isinstance(item, type)]


@pytest.mark.parametrize("error", PUBLIC)
def test_one_base_and_a_message(error):
    assert issubclass(error, voxport.VoxportError)
    assert str(error("what: why; what to do")) == "what: why; what to do"


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
