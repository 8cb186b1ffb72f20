"""sherpa-onnx: the folder of its loader of Omnilingual CTC models.

The loader (``OfflineRecognizer.from_omnilingual_asr_ctc`` in Python, and the same in C, C++, Java,
Kotlin, Swift, Go, C#, Dart and Rust) gives one recording at a time, at 16 kHz, to the input ``x``
and decodes the first output greedily. Beforehand it normalises each recording: x = (w - mean) / s,
s² = variance + 1e-5. Some models want no normalisation, others normalise in the graph; both answer
differently for quiet recordings normalised in this way. So the graph undoes it. The 1e-5 makes this
possible: the variance of x is 1 - 1e-5 / s², and gives the loudness of the recording. The mean is
lost; the comparison with the package's graph refuses a model dependent on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.tape import Tape

from voxport.package.manifest import ModelInfo
from voxport_export.errors import ExportError
from voxport_export.layouts.protocol import ClientGraph, LayoutSource, client_tokens
from voxport_export.to_onnx.rewire import Rewiring
from voxport_export.to_onnx.tape import axis_size, constant

_RATE_HZ = 16_000  # the loader resamples to it
_LOADER_EPS = 1e-5  # added to the variance
# Lower bound of 1 - variance of x: rounding errors are below it, and the loudest recording, +1 and
# -1 in turns, has 1e-5.
_LEAST_REST = 1e-6
_TOKENS = "tokens.txt"
_BLANK, _SPACE = "<blk>", "▁"
# Left out of its texts, whatever the model gives (tried with sherpa-onnx 2.0.1, which keeps <s>,
# <unk> and <pad>). No other spelling is given back as this one, so that the card says it.
_DROPPED = ("</s>",)
_RESERVED = ("SIL", "<eps>", "<blank>")


def write_files(package: LayoutSource, folder: Path) -> list[ClientGraph]:
    """Write the graphs and ``tokens.txt``."""
    model = package.manifest.model
    tokens = client_tokens(model, _BLANK, _SPACE, _RESERVED)
    if model.sample_rate != _RATE_HZ:
        raise ExportError(f"{model.name}: sherpa-onnx gives 16000 Hz, not {model.sample_rate} Hz")
    if marked := [token for token in tokens if token.startswith(_SPACE) and token != _SPACE]:
        raise ExportError(f"{model.name}: sherpa-onnx takes {_SPACE} in {marked[0]!r} for a space")
    lines = "".join(f"{token} {index}\n" for index, token in enumerate(tokens))
    (folder / _TOKENS).write_text(lines, encoding="utf-8", newline="\n")
    graphs = []
    for artifact in package.artifacts:
        path = folder / artifact.path
        _rewire(package.folder / artifact.path, path, model)
        graphs.append(ClientGraph(artifact, path, _client_input, batches=False))
    return graphs


def usage_section(package: LayoutSource) -> str:
    """Write the instructions for the Python binding; the others have the same two names."""
    return f"""
Everything that takes sherpa-onnx's Omnilingual CTC models opens this folder. In Python, with a
mono recording `speech.wav` in it:

```
pip install sherpa-onnx soundfile
```

```python
import sherpa_onnx
import soundfile

samples, sample_rate = soundfile.read("speech.wav", dtype="float32")
recognizer = sherpa_onnx.OfflineRecognizer.from_omnilingual_asr_ctc(
    model="{package.artifacts[0].path}", tokens="{_TOKENS}"
)
stream = recognizer.create_stream()
stream.accept_waveform(sample_rate, samples)
recognizer.decode_stream(stream)
print(stream.result.text)
```

sherpa-onnx resamples recordings of other rates in its own way.
{_dropped_note(package.manifest.model)}"""


def _dropped_note(model: ModelInfo) -> str:
    found = [f"`{label}`" for label in model.labels if label in _DROPPED]
    if not found:
        return ""
    return (
        f"\nIts texts leave out the label {', '.join(found)}, which the package's transcripts "
        "show where the model gives it; `<s>` and `<unk>` are in both.\n"
    )


def card_paths(package: LayoutSource, folder: Path) -> list[Path]:  # noqa: ARG001
    """List the one place of the card: the folder itself."""
    return [folder / "README.md"]


def _rewire(source: Path, path: Path, model: ModelInfo) -> None:
    graph = Rewiring(source)
    x = graph.add_input("x", ("N", "samples"))
    lengths = graph.tape.op("Expand", [axis_size(graph.tape, x, 1), axis_size(graph.tape, x, 0)])
    graph.replace_inputs({"waveform": _undo_normalization(graph.tape, x), "lengths": lengths})
    graph.set_output("logits", graph.output("emission"), ("N", "frames", len(model.labels)))
    graph.model.metadata_props.update(
        {
            "model_type": "omnilingual-asr",
            "version": "1",
            "sample_rate": str(model.sample_rate),
            "vocab_size": str(len(model.labels)),
            "comment": model.name,
            "license": model.licence,
        }
    )
    graph.save(path, f"{path.name}.data")


def _undo_normalization(tape: Tape, x: ir.Value) -> ir.Value:
    """Undo the loader's normalisation of x [N, samples]; the mean is lost."""
    wide = tape.op("Cast", [x], {"to": ir.DataType.DOUBLE})
    samples = tape.op("Max", [axis_size(tape, x, 1), constant(tape, [1])])
    energy = tape.op("ReduceSumSquare", [wide, constant(tape, [1])], {"keepdims": 1})
    variance = tape.op("Div", [energy, tape.op("Cast", [samples], {"to": ir.DataType.DOUBLE})])
    rest = tape.op("Sub", [constant(tape, 1.0, np.float64), variance])
    rest = tape.op("Max", [rest, constant(tape, _LEAST_REST, np.float64)])
    scale = tape.op("Sqrt", [tape.op("Div", [constant(tape, _LOADER_EPS, np.float64), rest])])
    return tape.op("Cast", [tape.op("Mul", [wide, scale])], {"to": ir.DataType.FLOAT})


def _client_input(waveforms: Sequence[NDArray[np.float32]]) -> Mapping[str, NDArray[np.generic]]:
    """Normalise one recording as the loader does."""
    (waveform,) = waveforms
    wide = waveform.astype(np.float64)
    wide = wide - wide.sum() / max(1, len(wide))
    x = wide / np.sqrt((wide**2).sum() / max(1, len(wide)) + _LOADER_EPS)
    return {"x": x.astype(np.float32)[None]}
