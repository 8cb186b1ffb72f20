"""The public function of the exporter: its example runs as printed."""

import doctest
import subprocess
import sys

import voxport_export


def test_the_example_of_export_package_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(voxport_export)
    assert result.attempted >= 4
    assert result.failed == 0


def test_the_import_loads_no_torch():
    code = "import sys, voxport_export; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
