"""runtime/web: the module for Node and the page pass their own tests."""

import os
import re

import pytest

from support import data, web


@pytest.fixture(scope="session", autouse=True)
def built():
    """The module, compiled."""
    web.build()


def test_types():
    web.npm("run", "check")


def test_node():
    """Golden clips, bad recordings, bad packages, the README's example."""
    assert re.search(r"pass [1-9]", web.npm("test"))


def test_page():
    """The same in Chromium; the built page with recordings, a microphone, packages, no network."""
    if reason := web.no_chromium():
        pytest.skip(f"the page is not tried here: {reason}")
    web.npm("run", "page")
    environment = {**os.environ, "VOXPORT_DATA": str(data.DATA)}
    assert re.search(r"pass [1-9]", web.npm("run", "test:page", environment=environment))
