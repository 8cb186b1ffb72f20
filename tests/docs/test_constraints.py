"""constraints.txt names an exact version of everything that an extra asks for, and it fits."""

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.data import ROOT

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 cannot read pyproject.toml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OTHER = ("gpu",)  # in place of the extra cpu, and not here
ASKED = [
    requirement
    for extra, requirements in PROJECT["optional-dependencies"].items()
    for requirement in requirements
    if extra not in OTHER
]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("asked", [*PROJECT["dependencies"], *ASKED])
def test_has_a_version_that_fits(asked):
    requirement = Requirement(asked)
    assert requirement.specifier.contains(pinned()[canonicalize_name(requirement.name)])
