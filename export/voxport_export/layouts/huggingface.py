"""Hugging Face: the folder of optimum's ``ORTModelForCTC`` and transformers.js.

Both give the graph ``input_values`` and nothing else, and read ``logits``. The folder's feature
extractor does not normalise: the graph does, for models that need it. It pads a batch with a number
outside of any sample's range, and the graph finds the end of each recording by it: optimum passes
no mask on. Decoding is the client's: its greedy path over ``logits``, with blanks past a
recording's end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.tape import Tape

from voxport.package.manifest import FP32, ModelInfo
from voxport_export.layouts.protocol import ClientGraph, LayoutSource, client_tokens
from voxport_export.to_onnx.rewire import Rewiring
from voxport_export.to_onnx.tape import arange, axis_size, constant

_PADDING = -1e30  # the feature extractor pads batches with it
_BLANK = "<pad>"
# File and dtype in the words of transformers.js; in a browser, q8 is its default
_FILES = {
    FP32: ("model", "fp32"),
    "int8": ("model_quantized", "q8"),
    "fp16": ("model_fp16", "fp16"),
}
_NEVER_LOGIT = -100.0  # of a label past the last frame


def write_files(package: LayoutSource, folder: Path) -> list[ClientGraph]:
    """Write ``onnx/`` and the configuration of model, feature extractor and tokenizer."""
    model = package.manifest.model
    delimiter = _delimiter(model)
    tokens = client_tokens(model, _BLANK, delimiter)
    (folder / "onnx").mkdir()
    graphs = []
    for artifact in package.artifacts:
        path = folder / "onnx" / f"{_FILES[artifact.precision][0]}.onnx"
        _rewire(package.folder / artifact.path, path, model)
        graphs.append(ClientGraph(artifact, path, _client_input, batches=True))
    vocabulary = {token: index for index, token in enumerate(tokens)}
    files = {
        "config.json": _config(model, [one.path for one in graphs]),
        "preprocessor_config.json": _feature_extractor(model),
        "tokenizer_config.json": _tokenizer_config(vocabulary, delimiter),
        "tokenizer.json": _tokenizer(vocabulary, delimiter),
        "vocab.json": vocabulary,
    }
    for name, content in files.items():
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return graphs


def usage_section(package: LayoutSource) -> str:
    """Write the instructions for each of the two clients."""
    dtype = _FILES[package.artifacts[0].precision][1]
    rate = package.manifest.model.sample_rate
    return f"""
With a mono recording `speech.wav` of {rate} Hz in this folder, in Python with
[optimum](https://github.com/huggingface/optimum-onnx):

```
pip install "optimum-onnx[onnxruntime]" soundfile
```

```python
import soundfile
from optimum.onnxruntime import ORTModelForCTC
from transformers import AutoProcessor

processor = AutoProcessor.from_pretrained(".")
model = ORTModelForCTC.from_pretrained(".")
waveform, rate = soundfile.read("speech.wav", dtype="float32")
inputs = processor([waveform], sampling_rate=rate, padding=True, return_tensors="pt")
print(processor.batch_decode(model(**inputs).logits.argmax(-1)))
```

In Node with [transformers.js](https://github.com/huggingface/transformers.js), as a file `.mjs`
here; in a browser the same, with the folder's address:

```
npm install @huggingface/transformers wavefile
```

```js
import {{ readFileSync }} from "node:fs";
import {{ basename }} from "node:path";
import {{ env, pipeline }} from "@huggingface/transformers";
import wavefile from "wavefile";

env.localModelPath = "..";  // the folder that holds this one
env.allowRemoteModels = false;
const name = basename(process.cwd());
const transcriber = await pipeline("automatic-speech-recognition", name, {{ dtype: "{dtype}" }});
const recording = new wavefile.WaveFile(readFileSync("speech.wav"));
recording.toBitDepth("32f");
console.log((await transcriber(Float32Array.from(recording.getSamples()))).text);
```

Pad batches with this folder's feature extractor only: its `padding_value` is how the graph knows
where a recording ends. Both clients leave out white space at either end of a text.
"""


def card_paths(package: LayoutSource, folder: Path) -> list[Path]:  # noqa: ARG001
    """List the one place of the card: the folder itself."""
    return [folder / "README.md"]


def _rewire(source: Path, path: Path, model: ModelInfo) -> None:
    graph = Rewiring(source)
    waveform = graph.add_input("input_values", ("batch_size", "sequence_length"))
    graph.replace_inputs({"waveform": waveform, "lengths": _lengths(graph.tape, waveform)})
    emission, frames = graph.output("emission"), graph.output("emission_lengths")
    logits = _pad_with_blanks(graph.tape, emission, frames, model)
    graph.set_output("logits", logits, ("batch_size", "frames", len(model.labels)))
    graph.save(path, f"{path.name}_data")


def _lengths(tape: Tape, waveform: ir.Value) -> ir.Value:
    """Count the samples of each row up to the last one before padding: int64 [batch]."""
    sample = tape.op("Greater", [waveform, constant(tape, _PADDING / 2, np.float32)])
    number = tape.op("Add", [arange(tape, axis_size(tape, waveform, 1)), constant(tape, 1)])
    number = tape.op("Where", [sample, number, constant(tape, 0)])  # [batch, samples]
    # A column of 0 in front: a batch without samples has a largest number too.
    pads = constant(tape, [0, 1, 0, 0])
    number = tape.op("Pad", [number, pads])
    return tape.op("ReduceMax", [number, constant(tape, [1])], {"keepdims": 0})


def _pad_with_blanks(
    tape: Tape, emission: ir.Value, frames: ir.Value, model: ModelInfo
) -> ir.Value:
    """Set frames of an emission [batch, frames, labels] past each row's end to a certain blank."""
    last = constant(tape, [1])
    inside = tape.op(
        "Less", [arange(tape, axis_size(tape, emission, 1)), tape.op("Unsqueeze", [frames, last])]
    )
    inside = tape.op("Unsqueeze", [inside, constant(tape, [2])])
    blank = np.full(len(model.labels), _NEVER_LOGIT)
    blank[model.blank] = 0
    return tape.op("Where", [inside, emission, constant(tape, blank.tolist(), np.float32)])


def _delimiter(model: ModelInfo) -> str:
    """Return the clients' token for a space; they need one, in use or not."""
    return model.word_delimiter or ("<space>" if "|" in model.labels else "|")


def _config(model: ModelInfo, graphs: Sequence[Path]) -> dict[str, Any]:
    """Return ``config.json``: the model's kind and its arithmetic of frames.

    One convolution of the model's stride and receptive field has as many frames as all of its own.
    """
    beside = {path.name: 1 for path in graphs if path.with_name(f"{path.name}_data").exists()}
    return {
        "architectures": ["Wav2Vec2ForCTC"],
        "model_type": "wav2vec2",
        "vocab_size": len(model.labels),
        "pad_token_id": model.blank,
        "conv_dim": [1],
        "conv_kernel": [model.receptive_field],
        "conv_stride": [model.frame_stride],
        "num_feat_extract_layers": 1,
        "transformers.js_config": {"use_external_data_format": beside or False},
    }


def _feature_extractor(model: ModelInfo) -> dict[str, Any]:
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "processor_class": "Wav2Vec2Processor",
        "feature_size": 1,
        "sampling_rate": model.sample_rate,
        "do_normalize": False,
        "padding_side": "right",
        "padding_value": _PADDING,
        "return_attention_mask": False,
    }


def _tokenizer_config(vocabulary: Mapping[str, int], delimiter: str) -> dict[str, Any]:
    """Return ``tokenizer_config.json``; marks missing from the vocabulary would be added to it."""
    marks = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return {
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        "processor_class": "Wav2Vec2Processor",
        **{name: mark if mark in vocabulary else None for name, mark in marks.items()},
        "pad_token": _BLANK,
        "word_delimiter_token": delimiter,
        "replace_word_delimiter_char": " ",
        "do_lower_case": False,
        "clean_up_tokenization_spaces": False,
    }


def _tokenizer(vocabulary: Mapping[str, int], delimiter: str) -> dict[str, Any]:
    """Return ``tokenizer.json`` for transformers.js.

    No token is special: the client drops special ones before it joins repeats.
    """
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": delimiter},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": "."},
            "behavior": "Isolated",
            "invert": False,
        },
        "post_processor": None,
        "decoder": {
            "type": "CTC",
            "pad_token": _BLANK,
            "word_delimiter_token": delimiter,
            "cleanup": True,  # without it the delimiter stays
        },
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }


def _client_input(waveforms: Sequence[NDArray[np.float32]]) -> Mapping[str, NDArray[np.generic]]:
    """Pad a batch as the folder's feature extractor does."""
    batch = np.full((len(waveforms), max(map(len, waveforms))), _PADDING, np.float32)
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = waveform
    return {"input_values": batch}
