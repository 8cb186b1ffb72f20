"""Hooks of schemathesis: files of its requests are real recordings."""

import schemathesis
from hypothesis import strategies

from support.data import ROOT

_FILES = [path.read_bytes() for path in sorted((ROOT / "models/commands/samples").glob("*.flac"))]

schemathesis.openapi.format("binary", strategies.sampled_from(_FILES))
