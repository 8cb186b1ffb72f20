"""Licences of what the wheel holds: the code's, and those of the shipped weights."""

import re
from pathlib import Path

from voxport.package import find
from voxport.package.read_manifest import read_manifest

ROOT = Path(__file__).parents[2]


def field(name):
    """A field of pyproject.toml; Python 3.10 has no parser of TOML."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(rf"^{name} = (.+)$", text, re.MULTILINE)[1]


def test_the_expression_names_the_licence_of_the_shipped_weights():
    licence = read_manifest(find.SHIPPED / "commands").model.licence
    assert field("license") == f'"Apache-2.0 AND {licence}"'


def test_the_wheel_carries_the_texts_and_the_attribution():
    assert field("license-files") == '["LICENSE", "LICENSES/*.txt", "NOTICE"]'
    text = (ROOT / "LICENSES" / "CC-BY-SA-4.0.txt").read_text(encoding="utf-8")
    assert text.startswith("Attribution-ShareAlike 4.0 International")
    assert "Section 8 -- Interpretation." in text
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for source in ("Speech Commands", "Free Spoken Digit Dataset", "Picovoice", "S. Hymel"):
        assert source in notice
