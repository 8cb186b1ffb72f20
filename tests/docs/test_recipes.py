"""The recipes for other engines, each run as a program on real samples.

Only ``datasets`` is in the default environment; the others are run in one that has ``voxport[cpu]``
and the engine, with ``-m slow``.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import voxport
from support.data import ROOT, SAMPLES
from voxport.audio.files import audio_files

RECIPES = [
    pytest.param("hf_datasets", "datasets", id="datasets"),
    pytest.param("spark", "pyspark", id="spark", marks=pytest.mark.slow),
    pytest.param("dask_frame", "dask", id="dask", marks=pytest.mark.slow),
    pytest.param("mlflow_model", "mlflow", id="mlflow", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes") / "recordings"
    folder.mkdir()
    for path in audio_files(SAMPLES):
        shutil.copy(path, folder)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


@pytest.mark.parametrize(("recipe", "engine"), RECIPES)
def test_the_recipe_gives_the_texts_of_voxport(recordings, tmp_path, recipe, engine):
    if find_spec(engine) is None:
        pytest.skip(f"{engine} is not in this environment: pip install {engine}")
    if engine == "pyspark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    parquet = pytest.importorskip("pyarrow.parquet")
    results = tmp_path / "results.parquet"
    path = os.pathsep.join([str(ROOT / "runtime"), str(ROOT / "export")])
    program = ROOT / "docs" / "recipes" / f"{recipe}.py"
    done = subprocess.run(
        [sys.executable, str(program), str(recordings), str(results)],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "HF_HOME": str(tmp_path),
            "HF_HUB_OFFLINE": "1",
            "PYSPARK_PYTHON": sys.executable,  # as in an activated environment
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = {Path(row["path"]).name: row for row in parquet.read_table(results).to_pylist()}
    recognizer = voxport.load("commands", "cpu", threads=1)
    for file in audio_files(SAMPLES):
        assert found[file.name]["text"] == recognizer.transcribe(file).text
        assert found[file.name]["error"] is None
    assert found["broken.wav"]["text"] is None
    assert found["broken.wav"]["error"]
    assert len(found) == len(audio_files(SAMPLES)) + 1


def test_every_recipe_is_run():
    named = {param.values[0] for param in RECIPES}
    assert {path.stem for path in (ROOT / "docs" / "recipes").glob("*.py")} == named
