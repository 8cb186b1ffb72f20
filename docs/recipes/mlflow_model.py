"""MLflow: a package as a pyfunc model, saved, loaded and asked.

python mlflow_model.py RECORDINGS RESULTS
"""

import sys
import tempfile
from pathlib import Path

import mlflow.pyfunc
import pandas


class VoxportModel(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        import voxport

        self.recognizer = voxport.load(context.artifacts["package"], "cpu", threads=1)

    def predict(self, context, model_input, params=None):
        outcomes = [*self.recognizer.transcribe_each(list(model_input["path"]))]
        texts = [one.transcript and one.transcript.text for one in outcomes]
        errors = [one.error and one.error.reason for one in outcomes]
        return model_input.assign(text=texts, error=errors)


if __name__ == "__main__":
    recordings, results = sys.argv[1:]
    import voxport
    from voxport.package.find import find_package

    package = str(find_package("commands"))
    paths = sorted(str(path) for path in Path(recordings).rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        requirements = [f"voxport[cpu]=={voxport.__version__}"]
        mlflow.pyfunc.save_model(
            f"{folder}/model",
            python_model=VoxportModel(),
            artifacts={"package": package},
            pip_requirements=requirements,
        )
        model = mlflow.pyfunc.load_model(f"{folder}/model")
        model.predict(pandas.DataFrame({"path": paths})).to_parquet(results)
