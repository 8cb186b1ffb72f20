"""Checkpoints with a language model: exported with it, used, and refused where it is broken."""

import json

import pytest
from typer.testing import CliRunner

import voxport
from support import checkpoints, data, ngrams
from voxport.cli import app
from voxport.errors import InputError
from voxport.package.read_manifest import read_manifest
from voxport_export.errors import SourceError
from voxport_export.package.export import Options, export_package
from voxport_export.sources.checkpoint import Checkpoint
from voxport_export.sources.language_model import read_checkpoint_language_model
from voxport_export.sources.vocabulary import read_vocabulary

pytest.importorskip("transformers")

SAMPLE = data.SAMPLES / "seven.wav"
LABELS = ("", "<s>", "</s>", "⁇", " ", *checkpoints.LETTERS)
WORDS = ["A", "I", "IT", "TEA", "EAT", "TIN", "DO", "ROAD", "HAT", "THE", "SEN", "ADHSI"]


def write(folder, name="words.arpa", **attributes):
    checkpoints.write(folder, checkpoints.make_model())
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    texts = ["THE TEA", "EAT IT", "I DO EAT A HAT", "TIN ROAD", "THE ROAD"]
    arpa = ngrams.write_arpa(folder.parent / name, texts)
    return ngrams.write_folder(folder, arpa, WORDS, LABELS, **attributes)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    place = tmp_path_factory.mktemp("with-lm")
    folder = write(place / "model", alpha=0.7, beta=2.0)
    export_package(
        str(folder), place / "out", Options(formats=("onnx",), audio=(SAMPLE,), force=True)
    )
    return place / "out"


def test_the_language_model_is_in_the_package(package):
    manifest = read_manifest(package)
    words = manifest.language_model
    assert [entry.path for entry in words.files] == ["language-model.arpa", "unigrams.txt"]
    assert {entry.path for entry in words.files} <= {entry.path for entry in manifest.entries()}
    assert (words.alpha, words.beta, words.unknown_score_offset) == (0.7, 2.0, -10.0)
    assert (words.labels, words.score_boundary, words.licence) == (LABELS, True, "apache-2.0")
    assert json.loads((package / "manifest.json").read_text())["version"] == 1
    card = (package / "README.md").read_text()
    assert (
        "| Licence of the language model | taken to be the checkpoint's: **apache-2.0** |" in card
    )
    shown = CliRunner().invoke(app, ["inspect", str(package)]).stdout
    assert "language model   language-model.arpa (ARPA, " in shown
    assert "licence: apache-2.0" in shown


def test_the_manifest_fits_the_published_schema(package):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((data.ROOT / "runtime/voxport/manifest.schema.json").read_text())
    jsonschema.validate(json.loads((package / "manifest.json").read_text()), schema)


def transcribe(package, *options):
    return CliRunner().invoke(app, ["transcribe", str(package), str(SAMPLE), *options])


def test_a_beam_decodes_with_it(package):
    with_it = transcribe(package, "--beam", "100")
    assert with_it.exit_code == 0
    assert transcribe(package, "--lm", "package").stdout == with_it.stdout
    without = transcribe(package, "--beam", "100", "--no-lm")
    assert without.exit_code == 0
    assert without.stdout != with_it.stdout
    recognizer = voxport.load(package, provider="cpu", decoder=voxport.BeamSearch())
    assert recognizer.transcribe(SAMPLE).text == with_it.stdout.strip()
    other = voxport.load(package, provider="cpu", decoder=voxport.BeamSearch(alpha=0.0))
    assert other.result_settings != recognizer.result_settings
    assert transcribe(package, "--beam", "100", "--alpha", "0.1").exit_code == 0


def test_options_that_contradict_each_other_are_wrong_usage(package):
    found = transcribe(package, "--lm", "package", "--no-lm")
    assert found.exit_code == 2
    assert "--lm and --no-lm: give one of them" in " ".join(found.stderr.split())
    assert transcribe(package, "--alpha", "1").exit_code == 2
    assert transcribe(package, "--beam", "5", "--no-lm", "--alpha", "1").exit_code == 2


def test_a_package_without_one_refuses_to_decode_with_it():
    found = transcribe("commands", "--lm", "package")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "the package holds no language model" in found.stderr
    with pytest.raises(InputError, match="holds no language model"):
        voxport.load("commands", decoder=voxport.BeamSearch(language_model="package"))


def test_it_can_be_left_out(tmp_path):
    folder = write(tmp_path / "model")
    (folder / "language_model" / "words.arpa").write_text("broken")
    options = Options(formats=("torchscript",), audio=(SAMPLE,), language_model=False, force=True)
    manifest = export_package(str(folder), tmp_path / "out", options)
    assert manifest.language_model is None
    assert not (tmp_path / "out" / "unigrams.txt").exists()


# Broken folders ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return write(tmp_path_factory.mktemp("unbroken") / "model")


def edit(name, **changes):
    return lambda folder: checkpoints.change(folder / name, **changes)


def put(name, content):
    return lambda folder: (folder / "language_model" / name).write_bytes(content)


ATTRIBUTES = "language_model/attrs.json"
BROKEN = [
    (edit("alphabet.json", labels=["", " "]), r"alphabet\.json: has 2 labels, and the model 15"),
    (
        edit("alphabet.json", labels=[*LABELS[:5], "X", *LABELS[6:]]),
        r"alphabet\.json: label 5 is 'X', and the tokenizer has 'E' there",
    ),
    (
        edit("alphabet.json", labels=[" ", *LABELS[1:4], "", *LABELS[5:]]),
        r"alphabet\.json: label 0 is ' ', and the tokenizer has '<pad>' there \(expected ''\)",
    ),
    (edit("alphabet.json", labels="abc"), r"alphabet\.json: labels must be a list of strings"),
    (edit("alphabet.json", is_bpe=True), r"alphabet\.json: is_bpe is True.*--no-lm"),
    (lambda folder: (folder / "alphabet.json").unlink(), r"there is no alphabet\.json in it"),
    (put("attrs.json", b"{"), r"language_model/attrs\.json is not JSON"),
    (put("attrs.json", b"[]"), r"language_model/attrs\.json holds a list"),
    (edit(ATTRIBUTES, alpha="0.5"), r"attrs\.json: alpha must be a finite number, got '0\.5'"),
    (edit(ATTRIBUTES, beta=1e300), r"attrs\.json: beta must be a finite number"),
    (edit(ATTRIBUTES, alpha=-1), r"attrs\.json: alpha must be at least 0, got -1"),
    (edit(ATTRIBUTES, score_boundary=1), r"attrs\.json: score_boundary must be true or false"),
    (put("unigrams.txt", b"\xff\xfe"), r"language_model/unigrams\.txt: is not UTF-8"),
    (put("words.arpa", b"\\data\\\nngram 1=3\n"), r"language_model/words\.arpa: truncated"),
    (
        put("other.bin", b"x"),
        r"expected one language model beside .* found other\.bin, words\.arpa",
    ),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN)
def test_a_broken_language_model_is_refused_by_its_file(damage, message, unbroken, tmp_path):
    folder = tmp_path / "model"
    place = folder / "language_model"
    place.mkdir(parents=True)
    for name in ("vocab.json", "tokenizer_config.json", "alphabet.json"):
        (folder / name).write_bytes((unbroken / name).read_bytes())
    for path in (unbroken / "language_model").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    checkpoint = Checkpoint(str(folder))
    vocabulary = read_vocabulary(checkpoint, len(LABELS), None)
    assert read_checkpoint_language_model(checkpoint, vocabulary) is not None
    damage(folder)
    with pytest.raises(SourceError, match=message):
        read_checkpoint_language_model(checkpoint, vocabulary)


def test_a_file_that_is_no_language_model_leaves_nothing(tmp_path):
    folder = write(tmp_path / "model")
    (folder / "language_model" / "words.arpa").rename(folder / "language_model" / "lm.binary")
    (folder / "language_model" / "lm.binary").write_bytes(b"no language model at all" * 9)
    found = CliRunner().invoke(app, ["export", str(folder), "-o", str(tmp_path / "out")])
    assert found.exit_code == 1
    assert "language_model/lm.binary: is no language model" in found.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "words.arpa"]
