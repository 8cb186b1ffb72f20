"""Docstrings of the public API: sections of the front doors, and examples that run as shown."""

import doctest
import importlib
import inspect
import re

import pytest

import voxport
from support.data import ROOT

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def find_front_doors():
    """Public functions, public classes and their public methods, by name."""
    for name in voxport.__all__:
        found = getattr(voxport, name)
        if inspect.isfunction(found):
            yield name, found
        elif inspect.isclass(found) and found.__module__.startswith("voxport"):
            yield name, found
            for method, function in inspect.getmembers(found, inspect.isfunction):
                if not method.startswith("_") and method in vars(found):
                    yield f"{name}.{method}", function


FRONT_DOORS = dict(find_front_doors())
WITH_EXAMPLE = {name: door for name, door in FRONT_DOORS.items() if "Examples:" in door.__doc__}

# Verbs with every section.
COMPLETE = [
    "load",
    "load_features",
    "transcribe_folder",
    "verify",
    "forced_align",
    "to_srt",
    "to_vtt",
    "to_tsv",
    "to_json",
    "Recognizer.transcribe",
    "Recognizer.transcribe_each",
    "Recognizer.emission",
    "Recognizer.align",
    "FeatureExtractor.features",
]


@pytest.mark.parametrize("name", COMPLETE)
def test_a_front_door_has_arguments_returns_and_an_example(name):
    sections = re.findall(r"^ *(\w+):$", FRONT_DOORS[name].__doc__, re.MULTILINE)
    assert "Args" in sections
    assert {"Returns", "Yields"} & set(sections)
    assert "Examples" in sections


@pytest.mark.parametrize("name", COMPLETE)
def test_every_parameter_is_described(name):
    described = re.findall(r"^ {4,}(\w+): ", FRONT_DOORS[name].__doc__, re.MULTILINE)
    parameters = set(inspect.signature(FRONT_DOORS[name]).parameters) - {"self"}
    assert parameters <= set(described)


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_an_example_runs_and_prints_what_is_shown(name, monkeypatch, tmp_path):
    (tmp_path / "models").symlink_to(ROOT / "models")  # what it writes stays out of the repository
    monkeypatch.chdir(tmp_path)
    run_example(name, WITH_EXAMPLE[name])


def run_example(name, door):
    """Run ``>>>`` lines as a doctest, and other code as a program."""
    text = inspect.getdoc(door).partition("Examples:")[2]
    fenced = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    if fenced:
        exec(compile(inspect.cleandoc(fenced[1]), name, "exec"), {})
        return
    module = importlib.import_module(door.__module__)
    test = doctest.DocTestParser().get_doctest(text, {}, name, module.__file__, 0)
    assert test.examples
    failures = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=failures.append)
    assert not failures, "".join(failures)
