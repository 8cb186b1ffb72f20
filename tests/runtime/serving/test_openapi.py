"""The server against its own description, by schemathesis."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("starlette", reason='pip install "voxport[serve]"')
pytest.importorskip("uvicorn", reason='pip install "voxport[serve]"')

from support.data import ROOT
from support.serving import running


@pytest.mark.slow
def test_the_server_does_what_its_description_says(tmp_path):
    schemathesis = os.environ.get("VOXPORT_SCHEMATHESIS", "")
    if not schemathesis:
        pytest.skip("VOXPORT_SCHEMATHESIS names no program (pip install schemathesis)")
    support = ROOT / "tests/support"
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "support.schemathesis_hooks",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "runtime")]),
    }
    command = [schemathesis, "--config-file", support / "schemathesis.toml"]
    with running() as server:
        done = subprocess.run(
            [*command, "run", f"{server.url}/openapi.json", "--max-examples", "50", "--seed", "1"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,  # where it leaves its cache
            check=False,
            timeout=600,
        )
    sys.stdout.write(done.stdout.decode("utf-8", "replace")[-3000:])
    assert done.returncode == 0
