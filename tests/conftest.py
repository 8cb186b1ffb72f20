"""Fixtures for tests of both the runtime and the exporter."""

import json
import os
import shutil
from pathlib import Path

import pytest

from support import blanks, data
from voxport.machine import cuda

# No test asks the real Hub; tests/runtime/test_hub.py has a local one.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

_CONFIG = {
    "format": "voxport-weights",
    "version": 1,
    "name": "narrow",
    "labels": list("-|ETAOINSHR"),
    "blank": 0,
    "word_delimiter": "|",
    "sample_rate": 16000,
    "normalize_waveform": False,
    "licence": "CC0-1.0",
    "model": {
        "extractor_mode": "group_norm",
        "extractor_conv_layer_config": [[24, 10, 5], *[[24, 3, 2]] * 4, *[[24, 2, 2]] * 2],
        "extractor_conv_bias": False,
        "encoder_embed_dim": 32,
        "encoder_projection_dropout": 0.0,
        "encoder_pos_conv_kernel": 16,
        "encoder_pos_conv_groups": 4,
        "encoder_num_layers": 2,
        "encoder_num_heads": 4,
        "encoder_attention_dropout": 0.0,
        "encoder_ff_interm_features": 64,
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0,
        "encoder_layer_norm_first": True,
        "encoder_layer_drop": 0.0,
        "aux_num_out": 11,
    },
}


def pytest_configure() -> None:
    """Divide the cores among the processes of pytest-xdist, before torch is imported."""
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        threads = max(1, (os.cpu_count() or 1) // workers)
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their number: libsndfile writes the time into some of its files."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked ``cuda`` without a usable GPU, with the reason."""
    if item.get_closest_marker("cuda") and (reason := cuda.unavailable_reason()):
        pytest.skip(reason)


@pytest.fixture(scope="session")
def narrow_model(tmp_path_factory) -> Path:
    """A model folder with seeded weights, a few channels wide; its words are gibberish."""
    torch = pytest.importorskip("torch")
    torchaudio = pytest.importorskip("torchaudio")
    safetensors = pytest.importorskip("safetensors.torch")
    folder = tmp_path_factory.mktemp("model") / "narrow"
    folder.mkdir()
    torch.manual_seed(0)
    model = torchaudio.models.wav2vec2_model(**_CONFIG["model"]).eval()
    state = model.state_dict()
    for name in ("aux.weight", "aux.bias"):  # else rounding decides the greedy path
        state[name] *= 20
    blanks.favour_blank(lambda x: model(x)[0][0], state["aux.bias"], _CONFIG["blank"])
    safetensors.save_file(state, folder / "weights.safetensors")
    (folder / "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def exported(narrow_model, tmp_path_factory) -> Path:
    """The package of ``narrow_model`` with both artifacts; read-only."""
    package = pytest.importorskip("voxport_export.package.export")
    folder = tmp_path_factory.mktemp("package") / "narrow"
    audio = (data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav")
    package.export_package(str(narrow_model), folder, package.Options(audio=audio))
    return folder


@pytest.fixture(scope="session")
def with_features(narrow_model, tmp_path_factory) -> Path:
    """The package of ``narrow_model`` with features; read-only."""
    package = pytest.importorskip("voxport_export.package.export")
    folder = tmp_path_factory.mktemp("package") / "with-features"
    audio = (data.SAMPLES / "yes.flac", data.SAMPLES / "seven.wav")
    package.export_package(str(narrow_model), folder, package.Options(features=True, audio=audio))
    return folder


@pytest.fixture(scope="session")
def headless_model(narrow_model, tmp_path_factory) -> Path:
    """``narrow_model`` without its CTC head."""
    safetensors = pytest.importorskip("safetensors.torch")
    folder = tmp_path_factory.mktemp("model") / "headless"
    folder.mkdir()
    state = safetensors.load_file(narrow_model / "weights.safetensors")
    state = {name: value for name, value in state.items() if not name.startswith("aux.")}
    safetensors.save_file(state, folder / "weights.safetensors")
    config = {**_CONFIG, "labels": [], "word_delimiter": None}
    config["model"] = {**_CONFIG["model"], "aux_num_out": None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def headless(headless_model, tmp_path_factory) -> Path:
    """The package of ``headless_model``, in the quicker format; read-only."""
    package = pytest.importorskip("voxport_export.package.export")
    folder = tmp_path_factory.mktemp("package") / "headless"
    audio = (data.SAMPLES / "yes.flac",)
    options = package.Options(formats=("torchscript",), features=True, audio=audio)
    package.export_package(str(headless_model), folder, options)
    return folder


@pytest.fixture
def package(exported, tmp_path) -> Path:
    """A copy of ``exported`` for tests that change it."""
    return Path(shutil.copytree(exported, tmp_path / "package"))


@pytest.fixture
def without(monkeypatch):
    """Return a function to make imports fail, as if a distribution were not installed."""

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(__import__("sys").modules, name, None)

    return hide
