"""runtime/web: the module for Node and the page pass their own tests."""

import re

import pytest

from support import web


@pytest.fixture(scope="session", autouse=True)
def built():
    """The module, compiled."""
    web.build()


def test_types():
    web.npm("run", "check")


def test_node():
    """Golden clips, bad recordings, bad packages, the README's example."""
    assert re.search(r"pass [1-9]", web.npm("test"))
