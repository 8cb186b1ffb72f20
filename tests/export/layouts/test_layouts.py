"""Folders of other runtimes: what is in them, and what those runtimes make of them."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest
import soundfile
import torch
from onnx_ir.tape import Tape
from typer.testing import CliRunner

import voxport
from support import clients, data
from voxport.audio.recording import read_clip
from voxport.backends.onnx import create_session
from voxport.backends.open import open_artifact
from voxport.backends.providers import CPU
from voxport.cli import app
from voxport.package import find
from voxport.package.integrity import file_entry
from voxport.package.manifest import FILE_NAME, FP32
from voxport.package.read_manifest import read_manifest
from voxport_export.errors import ExportError, ParityError
from voxport_export.layouts import NAMES, huggingface, sherpa, triton
from voxport_export.layouts.export import export_layout
from voxport_export.layouts.protocol import LayoutSource, client_tokens
from voxport_export.package.export import Options
from voxport_export.package.staging import check_destination
from voxport_export.parity.eager import eager_emission
from voxport_export.sources.resolve import resolve
from voxport_export.to_onnx import rewire

RATE = 16_000
COMMANDS = find.SHIPPED / "commands"
MODEL = read_manifest(COMMANDS).model
PADDING = -1e30


def shipped():
    """The manifest of the shipped package, less the artifacts of fewer bits."""
    manifest = read_manifest(COMMANDS)
    fp32 = tuple(one for one in manifest.artifacts if one.precision == FP32)
    return replace(manifest, artifacts=fp32, gates=())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The shipped package in every layout. Read them only."""
    made = {name: tmp_path_factory.mktemp("layout") / "commands" for name in NAMES}
    for name, folder in made.items():
        export_layout(str(COMMANDS), folder, name, Options())
    return made


@pytest.fixture(scope="module")
def backend():
    return open_artifact(COMMANDS, shipped().artifacts[0], "cpu")


@pytest.fixture(scope="module")
def samples():
    """Speech of several lengths and levels, and what is too short for a frame."""
    names = ("yes", "one-two-three", "left-right")
    found = [soundfile.read(data.SAMPLES / f"{name}.flac", dtype="float32")[0] for name in names]
    return [*found, found[0] * np.float32(0.003), found[1][:399]]


def emission(backend, waveform):
    lengths = np.array([len(waveform)], np.int64)
    return backend.run(waveform[None], lengths, ("emission",)).emission[0]


def check(logits, expected):
    bound = 1e-4 * max(1.0, float(np.abs(expected).max(initial=0.0)))
    assert logits.shape == expected.shape
    assert float(np.abs(logits - expected).max(initial=0.0)) <= bound


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def ends(session):
    return [one.name for one in session.get_inputs()], [one.name for one in session.get_outputs()]


def test_sherpa_onnx(folders, backend, samples):
    folder = folders["sherpa-onnx"]
    assert files(folder) == ["README.md", "model.onnx", "tokens.txt", "voxport.json"]
    lines = (folder / "tokens.txt").read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["<blk> 0", "▁ 1", "E 2"]
    assert len(lines) == len(MODEL.labels)
    session = create_session(folder / "model.onnx", CPU)
    assert ends(session) == (["x"], ["logits"])
    assert session.get_outputs()[0].shape[2] == len(MODEL.labels)
    for waveform in samples:  # as its C++ does it: sums of float32 in float64
        mean = np.sum(waveform, dtype=np.float64) / len(waveform)
        square = np.sum(waveform * waveform, dtype=np.float64) / len(waveform)
        x = ((waveform - mean) / np.sqrt(square - mean**2 + 1e-5)).astype(np.float32)
        check(session.run(None, {"x": x[None]})[0][0], emission(backend, waveform))


def test_huggingface(folders, backend, samples):
    folder = folders["huggingface"]
    assert files(folder) == [
        "README.md",
        "config.json",
        "onnx/model.onnx",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "voxport.json",
    ]
    session = create_session(folder / "onnx" / "model.onnx", CPU)
    assert ends(session) == (["input_values"], ["logits"])
    check_padded(session, backend, samples, blank=0)


def check_padded(session, backend, waveforms, blank):
    """A batch with the feature extractor's padding: each row alone, then blanks."""
    batch = np.full((len(waveforms), max(map(len, waveforms))), PADDING, np.float32)
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = waveform
    rows = session.run(None, {"input_values": batch})[0]
    for logits, waveform in zip(rows, waveforms, strict=True):
        expected = emission(backend, waveform)
        check(logits[: len(expected)], expected)
        assert (logits[len(expected) :].argmax(axis=1) == blank).all()


def test_huggingface_vocabulary(folders):
    folder = folders["huggingface"]
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    assert list(vocabulary.values()) == list(range(len(MODEL.labels)))
    assert list(vocabulary)[:3] == ["<pad>", "|", "E"]
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert tokenizer["model"]["vocab"] == vocabulary
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["conv_stride"], config["conv_kernel"]) == ([320], [400])
    extractor = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert extractor["padding_value"] == PADDING


def test_triton(folders):
    folder = folders["triton"]
    assert files(folder) == [
        "commands/1/model.onnx",
        "commands/README.md",
        "commands/config.pbtxt",
        "voxport.json",
    ]
    assert (folder / "commands" / "1" / "model.onnx").samefile(COMMANDS / "model.onnx")


def test_triton_configuration(folders, samples):
    """Parsed as Triton does; requests joined as its dynamic batcher joins them."""
    folder = folders["triton"] / "commands"
    config = clients.triton_configuration((folder / "config.pbtxt").read_text(encoding="utf-8"))
    assert (config.name, config.backend) == ("commands", "onnxruntime")
    assert config.max_batch_size >= len(samples)
    assert config.HasField("dynamic_batching")
    session = create_session(folder / "1" / "model.onnx", CPU)
    types = {"tensor(float)": 11, "tensor(int64)": 9, "tensor(string)": 13}  # enum DataType
    for told, real in (
        (config.input, session.get_inputs()),
        (config.output, session.get_outputs()),
    ):
        assert [one.name for one in told] == [one.name for one in real]
        for one, tensor in zip(told, real, strict=True):
            shape = one.reshape.shape if one.HasField("reshape") else one.dims
            sizes = [size if isinstance(size, int) else -1 for size in tensor.shape[1:]]
            assert (list(shape), one.data_type) == (sizes, types[tensor.type])
    requests = [np.pad(w, (0, 3 * RATE - len(w)), constant_values=7)[None] for w in samples]
    lengths = np.array([len(waveform) for waveform in samples])  # of requests [1, 1], reshaped
    feed = {"waveform": np.concatenate(requests), "lengths": lengths}
    texts = voxport.load(COMMANDS, provider="cpu").transcribe(samples, sample_rate=RATE)
    assert session.run(["transcript"], feed)[0].tolist() == [one.text for one in texts]


@pytest.mark.parametrize("name", NAMES)
def test_the_licence_goes_along(folders, name):
    card = next(folders[name].rglob("README.md")).read_text(encoding="utf-8")
    assert "CC-BY-SA-4.0" in card
    record = json.loads((folders[name] / "voxport.json").read_text(encoding="utf-8"))
    assert record["model"]["licence"] == "CC-BY-SA-4.0"
    assert [entry["path"] for entry in record["files"]] == files(folders[name])[:-1]


def save(model, folder, external_data=None):
    """A copy of the shipped package with another graph, and that alone."""
    shutil.copytree(COMMANDS, folder, ignore=shutil.ignore_patterns("*.onnx"))
    path = folder / "model.onnx"
    ir.save(model, path, external_data=external_data)
    beside = (file_entry(folder / external_data),) if external_data else ()
    manifest = shipped()
    changed = {**vars(file_entry(path)), "external_data": beside}
    artifacts = (replace(manifest.artifacts[0], **changed),)
    text = replace(manifest, artifacts=artifacts).to_json()
    (folder / FILE_NAME).write_text(text, encoding="utf-8", newline="\n")
    return folder


@pytest.fixture(scope="module")
def with_data(tmp_path_factory):
    """The shipped package with its weights beside the graph, as those of large models are."""
    folder = tmp_path_factory.mktemp("package") / "large"
    return save(ir.load(COMMANDS / "model.onnx"), folder, "model.onnx.data")


DATA = {
    "sherpa-onnx": "model.onnx.data",
    "huggingface": "onnx/model.onnx_data",
    "triton": "commands/1/model.onnx.data",
}


@pytest.mark.parametrize("name", NAMES)
def test_large_weights_lie_beside_the_graph(with_data, tmp_path, name):
    """Copied: onnxruntime takes no file of them that has two names, here or there."""
    export_layout(str(with_data), tmp_path / "out", name, Options())
    beside = tmp_path / "out" / DATA[name]
    assert beside.read_bytes() == (with_data / "model.onnx.data").read_bytes()
    assert not beside.samefile(with_data / "model.onnx.data")
    create_session(with_data / "model.onnx", CPU)
    assert beside.with_name("model.onnx").stat().st_size < 1_000_000
    create_session(str(beside.with_name("model.onnx")), CPU)
    if name == "huggingface":
        config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
        told = config["transformers.js_config"]["use_external_data_format"]
        assert told == {"model.onnx": 1}


def test_an_input_with_a_default_becomes_a_constant(tmp_path):
    """Clients give every input, and know of one."""
    model = ir.load(COMMANDS / "model.onnx")
    lengths = model.graph.inputs[1]
    one = ir.Value(name="one", const_value=ir.tensor(np.array([1]), name="one"))
    product = ir.Node("", "Mul", [lengths, one])
    ir.convenience.replace_all_uses_with(lengths, product.outputs[0])
    product.replace_input_with(0, lengths)
    model.graph.insert_before(model.graph[0], product)
    model.graph.inputs.append(one)
    model.graph.register_initializer(one)
    ir.save(model, tmp_path / "model.onnx")
    manifest, made = shipped(), tmp_path / "out"
    made.mkdir()
    (changed,) = sherpa.write_files(LayoutSource(tmp_path, manifest, manifest.artifacts), made)
    assert [value.name for value in ir.load(changed.path).graph.inputs] == ["x"]
    create_session(changed.path, CPU)


def test_what_cannot_be_linked_is_copied(with_data, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    rewire.link_or_copy(with_data / "model.onnx", tmp_path / "copy.onnx")
    assert (tmp_path / "copy.onnx").read_bytes() == (with_data / "model.onnx").read_bytes()
    assert not (tmp_path / "copy.onnx").samefile(with_data / "model.onnx")


def test_a_model_is_exported_first(narrow_model, samples, tmp_path):
    """One with another blank than the first label, whose waveforms are normalised in the graph."""
    folder = shutil.copytree(narrow_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"blank": 5, "normalize_waveform": True}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    options = Options(audio=(data.SAMPLES / "yes.flac",), force=True)  # the weights are seeded
    export_layout(str(folder), tmp_path / "out", "sherpa-onnx", options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "out"]
    assert files(tmp_path / "out") == ["README.md", "model.onnx", "tokens.txt", "voxport.json"]
    assert not (tmp_path / "out" / ".package").exists()
    lines = (tmp_path / "out" / "tokens.txt").read_text(encoding="utf-8").splitlines()
    assert lines[5] == "<blk> 5"
    source, session = (
        resolve(str(folder)),
        create_session(tmp_path / "out" / "model.onnx", CPU),
    )
    for waveform in samples:
        x = (waveform - waveform.mean()) / np.sqrt(waveform.var() + 1e-5)
        expected = eager_emission(source, torch.from_numpy(waveform), 400).numpy()
        check(session.run(None, {"x": x[None]})[0][0], expected)


def test_padding_is_blank_whatever_its_index(samples, backend, tmp_path):
    manifest = replace(shipped(), model=replace(MODEL, blank=5))
    (one,) = huggingface.write_files(LayoutSource(COMMANDS, manifest, manifest.artifacts), tmp_path)
    check_padded(create_session(one.path, CPU), backend, samples, blank=5)


def test_a_graph_that_answers_otherwise_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sherpa, "_undo_normalization", lambda tape, x: tape.op("Identity", [x]))
    with pytest.raises(ParityError, match=r"model\.onnx: .* logits differ by"):
        export_layout(str(COMMANDS), tmp_path / "out", "sherpa-onnx", Options())
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_hears_an_offset_is_refused(tmp_path):
    """sherpa-onnx takes it off."""
    model = ir.load(COMMANDS / "model.onnx")
    waveform, emission = model.graph.inputs[0], model.graph.outputs[0]
    tape = Tape()
    louder = tape.op("Add", [emission, tape.op("ReduceMean", [waveform], {"keepdims": 0})])
    model.graph.extend(tape.nodes)
    emission.name, louder.name = "silent", "emission"
    louder.type, louder.shape = emission.type, emission.shape
    model.graph.outputs[0] = louder
    package = save(model, tmp_path / "package")
    with pytest.raises(ParityError, match="with an offset: logits differ by 2"):
        export_layout(str(package), tmp_path / "out", "sherpa-onnx", Options())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sample_rate": 8000}, "gives 16000 Hz, not 8000 Hz"),
        ({"labels": ("-", "|", "A", "▁B")}, "takes ▁ in '▁B' for a space"),
        ({"labels": ("-", "|", "A", "A")}, "the label 'A' cannot be told apart"),
        ({"labels": ("-", "|", "A", "")}, "the label '' cannot be told apart"),
        ({"labels": ("-", "|", "A", "B C")}, "the label 'B C' cannot be told apart"),
        ({"labels": ("-", "|", "A", "SIL")}, "the label 'SIL' cannot be told apart"),
        ({"labels": (), "blank": 0, "word_delimiter": None}, "there is no CTC head"),
    ],
)
def test_what_sherpa_onnx_cannot_run_is_refused(tmp_path, change, reason):
    manifest = replace(read_manifest(COMMANDS), model=replace(MODEL, **change))
    with pytest.raises(ExportError, match=reason):
        sherpa.write_files(LayoutSource(COMMANDS, manifest, ()), tmp_path)


def test_a_space_among_the_labels_is_the_delimiter():
    model = replace(MODEL, labels=("<b>", " ", "A"), blank=0, word_delimiter=None)
    assert client_tokens(model, "<pad>", "|") == ["<pad>", "|", "A"]


def test_options_of_an_export_are_refused_for_a_package(tmp_path):
    with pytest.raises(ExportError, match="a package already: --features has no effect"):
        export_layout(str(COMMANDS), tmp_path / "out", "triton", Options(features=True))
    with pytest.raises(ExportError, match="runs ONNX only"):
        export_layout(str(COMMANDS), tmp_path / "out", "triton", Options(formats=("torchscript",)))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_package_is_refused(with_data, tmp_path):
    package = shutil.copytree(with_data, tmp_path / "package")
    (package / "golden-0.npy").write_bytes(b"damaged")
    with pytest.raises(voxport.errors.IntegrityError):
        export_layout(str(package), tmp_path / "out", "triton", Options())


def test_an_earlier_layout_is_replaced_but_nothing_of_somebody_else(folders, tmp_path):
    folder = shutil.copytree(folders["triton"], tmp_path / "models")
    check_destination(folder)
    (folder / "commands" / "config.pbtxt").write_text("max_batch_size: 1", encoding="utf-8")
    with pytest.raises(ExportError, match=r"'commands/config\.pbtxt' is not part of an earlier"):
        check_destination(folder)
    shutil.copy(folders["triton"] / "commands" / "config.pbtxt", folder / "commands")
    (folder / "another" / "1").mkdir(parents=True)
    check_destination(folder)
    (folder / "another" / "1" / "model.onnx").touch()
    with pytest.raises(ExportError, match=r"'another/1/model\.onnx' is not part of an earlier"):
        check_destination(folder)


def test_the_command(tmp_path):
    output = tmp_path / "out"
    command = ["export", str(COMMANDS), "-o", str(output), "--layout", "triton"]
    for _ in range(2):  # the second replaces the first
        result = CliRunner().invoke(app, command)
        assert (result.exit_code, result.stdout) == (0, f"{output}\n")
    assert files(output)[0] == "commands/1/model.onnx"
    assert CliRunner().invoke(app, [*command[:-1], "tritium"]).exit_code == 2


@pytest.fixture(scope="module")
def speech():
    """20 recordings of many speakers, and the same far quieter; what the runtime hears in them."""
    spread = {"commands/*/*.flac": 12, "keywords/*/*.ogg": 4, "digits/recordings/*.wav": 4}
    clips = []
    for pattern, count in spread.items():
        found = sorted(data.DATA.glob(pattern))
        clips += [read_clip(p, RATE) for p in found[:: len(found) // count][:count]]
    waveforms = [clip.waveform for clip in clips]
    assert len(waveforms) == 20
    waveforms += [waveform * np.float32(0.01) for waveform in waveforms]
    found = voxport.load(COMMANDS, provider="cpu").transcribe(waveforms, sample_rate=RATE)
    texts = [transcript.text for transcript in found]
    assert len(set(texts)) > 15
    return waveforms, texts


@data.needs_data
def test_client_sherpa_onnx(folders, speech, tmp_path):
    clips = clients.write(speech[0], tmp_path)
    folder = folders["sherpa-onnx"]
    assert clients.python("run_sherpa.py", "sherpa_onnx", folder, RATE, *clips) == speech[1]


@data.needs_data
def test_client_optimum(folders, speech, tmp_path):
    clips = clients.write(speech[0], tmp_path)
    folder = folders["huggingface"]
    alone, together = clients.python("run_optimum.py", "optimum", folder, RATE, *clips)
    assert alone == speech[1]
    assert together == speech[1]


@data.needs_data
def test_client_transformers_js(folders, speech, tmp_path):
    clips = clients.write(speech[0], tmp_path)
    folder = folders["huggingface"]
    package = "@huggingface/transformers"
    assert clients.node("run_transformers.mjs", package, folder, *clips) == speech[1]


@pytest.mark.parametrize("name", ["..", ".", "", "///", "...", "-", "x" * 300])
def test_triton_refuses_a_name_that_is_none(tmp_path, name):
    """The name becomes a folder: '..' would be the one above."""
    manifest = replace(shipped(), model=replace(MODEL, name=name))
    out = tmp_path / "a" / "out"
    out.mkdir(parents=True)
    with pytest.raises(ExportError, match="cannot be the name of a Triton model"):
        triton.write_files(LayoutSource(COMMANDS, manifest, manifest.artifacts), out)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "out"]


@pytest.mark.parametrize(
    ("name", "made"), [("../x", "x"), ("a b/c", "a-b-c"), (".hidden", "hidden")]
)
def test_triton_makes_its_folder_inside(tmp_path, name, made):
    manifest = replace(shipped(), model=replace(MODEL, name=name))
    triton.write_files(LayoutSource(COMMANDS, manifest, manifest.artifacts), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [made]


def test_triton_grows_its_arena_as_the_runtime_does(folders):
    """kSameAsRequested took 64 MB where doubling takes 18: docs/guides/gpu.md."""
    config = (folders["triton"] / "commands" / "config.pbtxt").read_text(encoding="utf-8")
    assert 'key: "arena_extend_strategy" value: "kNextPowerOfTwo"' in config


def test_a_table_is_not_broken_by_a_bar(folders):
    card = (folders["sherpa-onnx"] / "README.md").read_text(encoding="utf-8")
    (row,) = (line for line in card.splitlines() if line.startswith("| Word delimiter"))
    assert row == r"| Word delimiter | `\|` |"


def test_the_card_says_that_sherpa_onnx_leaves_out_the_end_mark():
    package = LayoutSource(COMMANDS, shipped(), shipped().artifacts)
    assert "leave out" not in sherpa.usage_section(package)
    model = replace(MODEL, labels=("-", "|", "<s>", "</s>", *MODEL.labels[4:]))
    marked = replace(package, manifest=replace(package.manifest, model=model))
    assert "leave out the label `</s>`, which the package's" in sherpa.usage_section(marked)
