"""benchmarks/hostile: a part of the campaign of mutated recordings and packages, on each host."""

import json

import pytest
from typer.testing import CliRunner

from benchmarks.hostile import hosts
from support import web


def check_campaign(host, output):
    """Run 160 recordings and 80 packages; check that none is a fault, and that each is answered."""
    args = [str(output), "--host", host, "--recordings", "160", "--packages", "80"]
    result = CliRunner().invoke(hosts.app, args)
    summary = json.loads((output / f"{host.split('=')[0]}.json").read_text())
    faults = summary["recordings"]["faults"] + summary["packages"]["faults"]
    assert (result.exit_code, faults) == (0, [])
    assert summary["peak_mb"] < 1000
    for kind, count in (("recordings", 160), ("packages", 80)):
        figures = summary[kind]
        assert figures["transcribed"] + figures["refused"] == figures["inputs"] == count
        assert figures["transcribed"] > 0


@pytest.mark.slow
def test_the_cpp_program_withstands_mutated_inputs(program, tmp_path):
    check_campaign(f"cpp={program.path}", tmp_path)


@pytest.mark.slow
def test_node_withstands_mutated_inputs(tmp_path):
    web.build()
    check_campaign(f"node={web.FOLDER / 'dist' / 'lib'}", tmp_path)
