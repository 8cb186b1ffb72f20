"""A server on a free port, for a module."""

import pytest

import voxport


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
    pytest.importorskip("uvicorn", reason='pip install "voxport[serve]"')
    from support.serving import running

    with running() as found:
        yield found


@pytest.fixture(scope="module")
def recognizer():
    return voxport.load("commands", "cpu", threads=1)
