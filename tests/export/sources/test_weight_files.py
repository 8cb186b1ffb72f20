"""Weights in every container that transformers reads without running code, and damaged ones."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from support import checkpoints
from voxport.cli import app
from voxport_export.errors import SourceError
from voxport_export.parity.eager import eager_emission
from voxport_export.sources.resolve import resolve

transformers = pytest.importorskip("transformers")

PLAIN = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}


@pytest.fixture(scope="module")
def model():
    return checkpoints.make_model()


@pytest.fixture
def folder(model, tmp_path):
    return checkpoints.write(tmp_path / "model", model)


def weights_of(folder):
    found = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    return found


def shards(weights, ending, save):
    """Split weights over two files with their index."""
    names, index = sorted(weights), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        stem = "model" if ending == "safetensors" else "pytorch_model"
        file = f"{stem}-{number:05}-of-00002.{ending}"
        save({name: weights[name] for name in part}, file)
        index |= dict.fromkeys(part, file)
    return {"metadata": {}, "weight_map": index}


def write_container(folder, container):
    weights = weights_of(folder)
    if container == "sharded safetensors":
        index = shards(
            weights,
            "safetensors",
            lambda part, name: save_file(part, folder / name, metadata={"format": "pt"}),
        )
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    elif container == "sharded bin":
        index = shards(weights, "bin", lambda part, name: torch.save(part, folder / name))
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    else:
        is_zip = container != "bin of an old torch"
        torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=is_zip)


CONTAINERS = ["sharded safetensors", "bin", "bin of an old torch", "sharded bin"]


@torch.no_grad()
def emission_of(folder):
    waveform = torch.randn(9_000, generator=torch.Generator().manual_seed(1))
    return eager_emission(resolve(str(folder)), waveform, 400), waveform


@torch.no_grad()
@pytest.mark.parametrize("container", CONTAINERS)
def test_the_container_makes_no_difference(folder, model, container):
    write_container(folder, container)
    found, waveform = emission_of(folder)
    values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
    torch.testing.assert_close(found, model(values[None]).logits[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("container", ["safetensors", "bin"])
def test_half_precision_is_read_as_float32(folder, model, dtype, container):
    weights = {name: value.to(dtype) for name, value in weights_of(folder).items()}
    if container == "bin":
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    source = resolve(str(folder))
    assert {weight.dtype for weight in source.reference.parameters()} == {torch.float32}
    head = dict(model.named_parameters())["lm_head.weight"].to(dtype).float()
    found = source.reference.model.lm_head.weight
    torch.testing.assert_close(found, head, atol=0, rtol=0)


NEW = ("parametrizations.weight.original0", "parametrizations.weight.original1")


@torch.no_grad()
@pytest.mark.parametrize("names", [("weight_g", "weight_v"), NEW])
def test_both_names_of_weight_norm_are_read(folder, model, names):
    weights = weights_of(folder)
    stem = "wav2vec2.encoder.pos_conv_embed.conv."
    for old, new in (("weight_g", NEW[0]), ("weight_v", NEW[1])):
        value = weights.pop(stem + old, None)
        weights[stem + new] = weights.pop(stem + new) if value is None else value
    for new, name in zip(NEW, names, strict=True):
        weights[stem + name] = weights.pop(stem + new)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    found, waveform = emission_of(folder)
    values = (waveform - waveform.mean()) / (waveform.var(correction=0) + 1e-7).sqrt()
    torch.testing.assert_close(found, model(values[None]).logits[0], atol=1e-5, rtol=1e-5)


CONVOLUTIONS = {
    "five": {"conv_kernel": (10, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2)},
    "eight": {"conv_kernel": (10, 3, 3, 3, 3, 2, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2, 1)},
}


@torch.no_grad()
@pytest.mark.parametrize("count", CONVOLUTIONS)
@pytest.mark.parametrize("large", [False, True])
def test_other_numbers_of_convolutions_and_their_biases(tmp_path, count, large):
    from voxport_export.package.artifact import build_graph

    shape = CONVOLUTIONS[count]
    changes = {"conv_dim": (16,) * len(shape["conv_kernel"]), **shape, **(PLAIN if large else {})}
    folder = checkpoints.write(tmp_path, checkpoints.make_model(**changes))
    source = resolve(str(folder))
    graph = build_graph(source, features=False)
    waveform = torch.randn(9_000, generator=torch.Generator().manual_seed(1))
    expected = eager_emission(source, waveform, graph.backbone.receptive_field)
    found = graph(waveform[None], torch.tensor([9_000]))
    torch.testing.assert_close(found.emission[0], expected, atol=1e-3, rtol=1e-4)


# Damaged and hostile files ----------------------------------------------------------------------


class Planted:
    """An object whose unpickling writes a file."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f"touch '{self.mark}'",)


def export(folder, tmp_path):
    command = ["export", folder, "-o", tmp_path / "out", "-f", "torchscript"]
    return CliRunner().invoke(app, list(map(str, command)))


def check_refused(folder, tmp_path, *named):
    result = export(folder, tmp_path)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("voxport: error: ")
    for name in named:
        assert name in last, last
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("kind", ["zip", "legacy", "sharded"])
def test_a_pickle_that_would_run_code_is_refused(folder, tmp_path, kind):
    mark = tmp_path / "ran"
    content = {**weights_of(folder), "planted": Planted(mark)}
    name = "pytorch_model.bin"
    if kind == "sharded":
        name = "pytorch_model-00001-of-00001.bin"
        index = {"weight_map": dict.fromkeys(content, name)}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    torch.save(content, folder / name, _use_new_zipfile_serialization=kind != "legacy")
    check_refused(folder, tmp_path, name, "can run code")
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize("container", ["safetensors", *CONTAINERS])
def test_cut_off_weights_are_refused_by_name(folder, tmp_path, container, share):
    if container != "safetensors":
        write_container(folder, container)
    endings = (".safetensors", ".bin")
    path = sorted(path for path in folder.iterdir() if path.suffix in endings)[-1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    check_refused(folder, tmp_path, path.name, "not a whole")


@pytest.mark.parametrize("container", ["sharded safetensors", "sharded bin"])
def test_a_missing_shard_is_refused_by_name(folder, tmp_path, container):
    write_container(folder, container)
    shard = next(folder.glob("*-00002-of-*"))
    shard.unlink()
    check_refused(folder, tmp_path, shard.name, "there is no such file")


@pytest.mark.parametrize("container", ["sharded safetensors", "sharded bin"])
@pytest.mark.parametrize("kind", ["above", "absolute", "a folder below"])
def test_an_index_that_leaves_its_folder_is_refused(folder, tmp_path, container, kind):
    write_container(folder, container)
    index = next(folder.glob("*.index.json"))
    shard = next(folder.glob("*-00002-of-*"))
    (folder / "below").mkdir()
    places = {"above": tmp_path, "absolute": tmp_path, "a folder below": folder / "below"}
    moved = shard.rename(places[kind] / shard.name)
    name = {"above": f"../{shard.name}", "absolute": str(moved)}.get(kind, f"below/{shard.name}")
    content = json.loads(index.read_text())
    content["weight_map"] = {
        key: name if value == shard.name else value for key, value in content["weight_map"].items()
    }
    index.write_text(json.dumps(content))
    check_refused(folder, tmp_path, index.name, name)


@pytest.mark.parametrize("content", ["{", "[]", '{"weight_map": 3}', '{"weight_map": {}}'])
def test_an_index_that_is_none_is_refused_by_name(folder, tmp_path, content):
    write_container(folder, "sharded safetensors")
    (folder / "model.safetensors.index.json").write_text(content)
    check_refused(folder, tmp_path, "model.safetensors.index.json")


# Folders of another model -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "model type 'bert'"),
        ({"model_type": "whisper"}, "model type 'whisper'"),
        ({"vocab_size": 40}, "lm_head"),
        ({"hidden_size": 48}, "another size"),
        ({"conv_dim": [16] * 6}, "conv"),
        ({"num_attention_heads": 5}, "num_"),
    ],
)
def test_a_configuration_of_another_model_is_refused(folder, tmp_path, fields, named):
    checkpoints.change(folder / "config.json", **fields)
    check_refused(folder, tmp_path, "config.json", named)


def test_labels_that_do_not_fit_the_head_are_refused(folder, tmp_path):
    vocab = {f"label {n}": n for n in range(50)} | {"<pad>": 50}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    check_refused(folder, tmp_path, "vocab.json does not fit the model's head of 15 outputs")


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", '"text"', "null"])
@pytest.mark.parametrize(
    "name", ["config.json", "vocab.json", "tokenizer_config.json", "preprocessor_config.json"]
)
def test_files_that_are_no_object_are_refused_by_name(folder, tmp_path, name, content):
    (folder / name).write_text(content)
    with pytest.raises(SourceError, match=name):
        resolve(str(folder))
