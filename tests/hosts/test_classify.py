"""runtime/cpp and runtime/web classify as packages promise and as the Python runtime does."""

import json
import math
import re

import numpy as np
import pytest
import soundfile

import voxport
from support import cpp, task_models, web
from voxport.audio.resample import resample
from voxport.package.read_manifest import read_manifest

BY_NAME = ("--artifact", "torchscript")  # it runs code, and so never unasked
LABELS = ("deu", "eng", "fra", "ünï, code")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    paths = task_models.write_recordings(folder)
    waveform = resample(task_models.make_waveform(11_000, 1), task_models.RATE, 44_100)
    paths.append(folder / "44k.wav")
    soundfile.write(paths[-1], waveform, 44_100, subtype="FLOAT")
    return paths


@pytest.fixture(scope="module")
def package(tmp_path_factory, recordings):
    """A narrow classifier, in both formats."""
    pytest.importorskip("transformers")
    from voxport_export.package.export import Options, export_package

    root = tmp_path_factory.mktemp("classifier")
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {n: i for i, n in enumerate(LABELS)}}
    few = task_models.FEW_CONVOLUTIONS
    model = task_models.make("Wav2Vec2", use_weighted_layer_sum=True, **names, **few)
    folder = task_models.write(root / "model", model)
    export_package(str(folder), root / "package", Options(audio=tuple(recordings[:2])))
    return root / "package"


@pytest.fixture(scope="module")
def expected(package, recordings):
    """The Python runtime's answers, as its command prints them."""
    answers = voxport.load_classifier(package, provider="cpu").classify(recordings)
    return [
        {
            "file": str(path),
            "label": one.label,
            "duration": _rounded(one.duration),
            "scores": [{"label": s.label, "score": _rounded(s.score)} for s in one.scores],
        }
        for path, one in zip(recordings, answers, strict=True)
    ]


def _rounded(value):
    return math.floor(value * 1e4 + 0.5) / 1e4


def check(answers, expected):
    for answer, wanted in zip(answers, expected, strict=True):
        for got, score in zip(answer["scores"], wanted["scores"], strict=True):
            assert got["label"] == score["label"]
            assert got["score"] == pytest.approx(score["score"], abs=2e-4)
        assert {**answer, "scores": wanted["scores"]} == wanted


def check_program(program, package, recordings, expected, *options):
    classify = cpp.Program(program.path.parent / "classify")
    result = classify.run(*options, "--json", package, *recordings)
    assert (result.returncode, result.stderr) == (0, "")
    check([json.loads(line) for line in result.stdout.splitlines()], expected)
    line = classify.run(*options, "--top-k", "1", package, recordings[0]).stdout
    best = expected[0]["scores"][0]
    label, score = re.fullmatch(r"(.+) \((\d\.\d\d)\)\n", line).groups()
    assert label == best["label"]
    assert float(score) == pytest.approx(best["score"], abs=0.006)  # two digits


def test_cpp_on_onnxruntime(program, package, recordings, expected):
    check_program(program, package, recordings, expected)


@pytest.mark.slow  # LibTorch's headers take a minute to compile
def test_cpp_on_libtorch(torch_program, package, recordings, expected):
    check_program(torch_program, package, recordings, expected, *BY_NAME)


def test_cpp_reports_a_short_recording_and_goes_on(program, package, recordings, tmp_path):
    classify = cpp.Program(program.path.parent / "classify")
    soundfile.write(tmp_path / "short.wav", np.zeros(100), task_models.RATE)
    result = classify.run(package, tmp_path / "short.wav", recordings[0])
    assert result.returncode == 1
    assert "short.wav: lasts 0.006250 s, and the model needs at least 0.010" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_each_cpp_program_names_the_other(program, package, commands, recordings):
    classify = cpp.Program(program.path.parent / "classify")
    result = program.run(package, recordings[0])
    assert result.returncode == 1
    assert "labels of recordings (voxport::Classifier, the program classify)" in result.stderr
    result = classify.run(commands, recordings[0])
    assert result.returncode == 1
    assert "text (voxport::Recognizer, the program transcribe)" in result.stderr


def test_node(package, recordings, expected, commands):
    web.build()
    printed = web.node(
        """
        import { load, loadClassifier, readAudio, rounded } from "voxport";
        const [folder, commands, ...files] = process.argv.slice(1);
        const classifier = await loadClassifier(folder);
        for (const file of files) {
          const { label, scores, duration } = await classifier.classify(await readAudio(file));
          const listed = scores.map((one) => ({ label: one.label, score: rounded(one.score) }));
          console.log(JSON.stringify({ file, label, duration: rounded(duration), scores: listed }));
        }
        const short = { waveform: new Float32Array(100), sampleRate: 16000 };
        for (const failing of [
          () => classifier.classify(short),
          () => load(folder),
          () => loadClassifier(commands),
        ]) {
          await failing().then(
            () => console.log("no error"),
            (error) => console.log(error.reason),
          );
        }
        """,
        package,
        commands,
        *recordings,
    ).splitlines()
    check([json.loads(line) for line in printed[:-3]], expected)
    assert printed[-3:] == [
        "lasts 0.0063 s, and the model needs at least 0.0103 s for an answer",
        "the model gives no text but labels of recordings (loadClassifier)",
        "the model is one for transcription (load), not for classification",
    ]


def test_node_gives_the_logits_of_golden_clips(package):
    web.build()
    manifest = read_manifest(package)
    printed = web.node(
        """
        import { loadClassifier, readAudio } from "voxport";
        const [folder] = process.argv.slice(1);
        const classifier = await loadClassifier(folder);
        for (const clip of classifier.manifest.head.golden) {
          const found = await classifier.classify(await readAudio(`${folder}/${clip.path}`));
          if (found.label !== clip.label) throw new Error(`${found.label}, not ${clip.label}`);
          console.log(JSON.stringify([...found.logits]));
        }
        """,
        package,
    )
    lines = printed.splitlines()
    assert len(lines) == len(manifest.head.golden)
    for line, clip in zip(lines, manifest.head.golden, strict=True):
        np.testing.assert_allclose(json.loads(line), np.load(package / clip.values.path), atol=1e-3)
