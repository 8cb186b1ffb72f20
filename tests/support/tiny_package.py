"""Write the package of a tiny seeded model, for ``tests/runtime/package/released``.

    PYTHONPATH=tests python tests/support/tiny_package.py tests/runtime/package/released

Run once for each release, with voxport[cpu,export]; packages of earlier versions are never changed.
"""

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import safetensors.torch
import torch
import torchaudio

import voxport
from support import blanks, data
from voxport_export.package.export import Options, export_package

_CONFIG = {
    "format": "voxport-weights",
    "version": 1,
    "name": "tiny",
    "labels": list("-|ETAOINSHR"),
    "blank": 0,
    "word_delimiter": "|",
    "sample_rate": 16000,
    "normalize_waveform": True,
    "licence": "CC0-1.0",
    "model": {
        "extractor_mode": "group_norm",
        "extractor_conv_layer_config": [[8, 10, 5], *[[8, 3, 2]] * 4, *[[8, 2, 2]] * 2],
        "extractor_conv_bias": False,
        "encoder_embed_dim": 16,
        "encoder_projection_dropout": 0.0,
        "encoder_pos_conv_kernel": 8,
        "encoder_pos_conv_groups": 2,
        "encoder_num_layers": 1,
        "encoder_num_heads": 2,
        "encoder_attention_dropout": 0.0,
        "encoder_ff_interm_features": 32,
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0,
        "encoder_layer_norm_first": False,
        "encoder_layer_drop": 0.0,
        "aux_num_out": 11,
    },
}


def write_model(folder: Path) -> None:
    """Write the model's configuration and seeded weights; it says a few letters."""
    folder.mkdir()
    torch.manual_seed(1)
    model = torchaudio.models.wav2vec2_model(**_CONFIG["model"]).eval()
    state = model.state_dict()
    for name in ("aux.weight", "aux.bias"):  # else rounding decides the greedy path
        state[name] *= 20
    blanks.favour_blank(lambda x: model(x)[0][0], state["aux.bias"], 0, normalize=True)
    safetensors.torch.save_file(state, folder / "weights.safetensors")
    (folder / "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")


def write_package(released: Path) -> Path:
    """Export the model and pack it; an existing file of this version is an error."""
    target = (released / f"{voxport.__version__}.zip").resolve()
    with tempfile.TemporaryDirectory() as space:
        os.chdir(space)
        write_model(Path("tiny"))
        options = Options(audio=(data.SAMPLES / "yes.flac",), formats=("onnx", "torchscript"))
        export_package("tiny", Path("package"), options)
        with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path("package").iterdir()):
                entry = zipfile.ZipInfo(path.name)  # of 1980
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


if __name__ == "__main__":
    print(write_package(Path(sys.argv[1])))
