"""Builds of runtime/web; a test without Node or its packages is skipped with the install hint."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from support.data import ROOT

FOLDER = ROOT / "runtime" / "web"

_LEAST_NODE = (20, 19)


def npm(*args: str, environment: Mapping[str, str] | None = None) -> str:
    """Run ``npm ARGS`` in runtime/web and return its output; fail if it fails."""
    return _run(["npm", *args], environment)


def node(script: str, *args: object) -> str:
    """Run a module by node, the built one importable as "voxport"; return its output."""
    return _run(["node", "--input-type=module", "--eval", script, *map(str, args)])


def build() -> None:
    """Compile the module into runtime/web/dist, ignored by git."""
    if reason := _missing():
        pytest.skip(f"runtime/web is not built here: {reason}")
    npm("run", "build")


def no_chromium() -> str | None:
    """Return the install hint for the page's browser; None if there is one."""
    places = [os.environ.get("CHROMIUM", ""), "/usr/bin/chromium", "/usr/bin/chromium-browser"]
    if any(place and Path(place).exists() for place in places):
        return None
    return "apt-get install chromium, or name one in CHROMIUM"


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, timeout=600, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _missing() -> str | None:
    """Return the install hint for missing tools, or None; the tests themselves ask no registry."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "no node and npm here: install Node 20.19 or later"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < _LEAST_NODE:
        return f"Node {version.strip()} is here, 20.19 or later is needed"
    if not (FOLDER / "node_modules").is_dir():
        return "npm install --ignore-scripts in runtime/web first"
    return None
