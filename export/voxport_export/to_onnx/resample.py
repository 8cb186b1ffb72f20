"""Add the optional input ``sample_rate`` to an ONNX graph, and resampling as torchaudio does it.

In ONNX an input with a default is an input with an initializer of the same name. Only a rate other
than the model's own enters the resampling branch of an ``If``: the own rate costs a copy of the
waveform. For any pair of rates the branch is one gather and one product with some thousand weights;
torchaudio's has orig * new of them.

The operators are written with onnxscript and inlined: ``/`` of integers is ONNX's ``Div``, without
the remainder. Shapes: B rows of a batch, S samples.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass
from onnxscript import opset20, script, values

from voxport.audio.limits import MAX_RATE_HZ, MIN_RATE_HZ
from voxport.audio.resample import LOWPASS_FILTER_WIDTH, ROLLOFF
from voxport.backends.contract import SAMPLE_RATE

op: Any = opset20  # typed for eager evaluation, not for scripts

_ROW = 32  # output samples that share a window of the waveform
_ROWS = [-1, 1, _ROW]
_DIVISORS_OF_ROW = [1, 2, 4, 8, 16, 32]
_CROSSINGS = float(LOWPASS_FILTER_WIDTH)
_PI = math.pi
_FLOAT, _INT64, _DOUBLE = int(ir.DataType.FLOAT), int(ir.DataType.INT64), int(ir.DataType.DOUBLE)
_INLINED = values.Opset("voxport", 1)  # no operator of this domain is left in the graph


@script(_INLINED, default_opset=op)
def _largest(number, divisors):
    """Return the largest divisor of ``number`` among ``divisors``."""
    return op.ReduceMax(op.Where(number % divisors == 0, divisors, 1), keepdims=0)


@script(_INLINED, default_opset=op)
def _length(samples, orig, new):
    """Return the number of output samples; torchaudio takes the ceiling of a float32."""
    exact = op.Cast(new * samples, to=_DOUBLE) / op.Cast(orig, to=_DOUBLE)
    ceiling = op.Cast(op.Ceil(op.Cast(exact, to=_FLOAT)), to=_INT64)
    return op.Min(ceiling, (samples / orig + 1) * new)


@script(_INLINED, default_opset=op)
def _filters(taps, results, orig, new, base):
    """Return the weight of each input sample ``taps`` in each output sample ``results``.

    Nearly all are 0. In float32 and in torchaudio's order of operations: its rounding is larger
    than 1e-5 for rates with few common divisors.
    """
    taken = op.Cast(orig, to=_FLOAT)
    t = op.Cast(taps - results / new * orig, to=_FLOAT) / taken
    t = t - op.Cast(results % new, to=_FLOAT) / op.Cast(new, to=_FLOAT)
    t = op.Clip(t * base, -_CROSSINGS, _CROSSINGS)
    window = op.Cos(t * _PI / _CROSSINGS / 2.0)
    t = t * _PI
    sinc = op.Where(t == 0.0, 1.0, op.Sin(t) / t)
    return sinc * (window * window * (base / taken))


@script(_INLINED, default_opset=op)
def _convert(waveform, orig, new):
    """Resample waveform (B, S) in whole steps; the caller cuts the surplus.

    The filters repeat after ``orig`` input samples, or ``new`` output samples. A step is the
    smallest multiple of these in whole rows of ``_ROW`` output samples.
    """
    repeats = _ROW / _largest(new, _DIVISORS_OF_ROW)
    base = ROLLOFF * op.Cast(op.Min(orig, new), to=_FLOAT)
    width = op.Cast(op.Ceil(_CROSSINGS * op.Cast(orig, to=_FLOAT) / base), to=_INT64)
    results = op.Reshape(op.Range(0, repeats * new, 1), _ROWS)  # [rows, 1, _ROW]
    starts = op.Gather(results, [0], axis=2) * orig / new  # [rows, 1, 1]
    span = _ROW * orig / new + 2 * width + 2
    taps = op.Range(0, span, 1)
    filters = _filters(starts + op.Unsqueeze(taps, [1]) - width, results, orig, new, base)

    step = repeats * orig  # samples
    steps = op.Range(0, op.Squeeze(op.Shape(waveform, start=1)) / step + 1, 1)
    ends = op.Concat([0], op.Reshape(width, [1]), [0], op.Reshape(step + span, [1]), axis=0)
    places = starts + op.Unsqueeze(steps * step, [1]) + taps  # [rows, steps, span]
    windows = op.Gather(op.Pad(waveform, ends), places, axis=1)
    rows = op.MatMul(windows, filters)  # [batch, rows, steps, _ROW]
    return op.Reshape(op.Transpose(rows, perm=[0, 2, 1, 3]), [0, -1])


@script(_INLINED, default_opset=op)
def _resample(waveform, lengths, sample_rate, own: int, divisors: list[int]):
    """Resample waveform (B, S) and lengths (B,) to the rate ``own``.

    A rate outside of the supported range leaves every row empty: a graph cannot refuse it.
    """
    samples = op.Squeeze(op.Shape(waveform, start=1))
    rate = op.Clip(sample_rate, MIN_RATE_HZ, MAX_RATE_HZ)
    lengths = op.Where(sample_rate == rate, op.Clip(lengths, 0, samples), 0)
    inside = op.Range(0, samples, 1) < op.Unsqueeze(lengths, [1])
    common = _largest(rate, divisors)
    orig = rate / common
    new = own / common
    converted = _convert(op.Where(inside, waveform, 0.0), orig, new)
    count = op.Unsqueeze(_length(samples, orig, new), [0])
    return op.Slice(converted, [0], count, [1]), _length(lengths, orig, new)


@script(_INLINED, default_opset=op)
def _at_rate(waveform, lengths, sample_rate, own: int, divisors: list[int]):
    """Resample only if the rate is not ``own``; otherwise copy the waveform."""
    if sample_rate == own:
        heard = op.Identity(waveform)
        heard_lengths = op.Identity(lengths)
    else:
        heard, heard_lengths = _resample(waveform, lengths, sample_rate, own, divisors)
    return heard, heard_lengths


def add_sample_rate(model: ir.Model, rate: int) -> None:
    """Add the input ``sample_rate`` to a graph and resample its waveform.

    Args:
        model: changed in place; its inputs are ``waveform`` and ``lengths``.
        rate: the model's own rate in Hz, and the default.
    """
    graph = model.graph
    given = list(graph.inputs)
    uses = [tuple(value.uses()) for value in given]
    own = ir.AttrInt64("own", rate)
    divisors = ir.AttrInt64s("divisors", [i for i in range(1, rate + 1) if rate % i == 0])
    domain, name, _ = _at_rate.function_ir.identifier()
    inputs = [*given, _add_optional_input(graph, rate)]
    call = ir.Node(domain, name, inputs, [own, divisors], num_outputs=len(given))
    graph.insert_before(graph[0], call)
    for heard, value, places in zip(call.outputs, given, uses, strict=True):
        heard.name, heard.type = f"heard_{value.name}", value.type
        for use in places:
            use.node.replace_input_with(use.idx, heard)
    for function in (_at_rate, _resample, _convert, _filters, _length, _largest):
        model.functions[function.function_ir.identifier()] = function.function_ir
    InlinePass()(model)
    graph.opset_imports.pop(domain, None)
    _drop_casts(graph)


def _add_optional_input(graph: ir.Graph, rate: int) -> ir.Value:
    value = ir.Value(
        name=SAMPLE_RATE,
        type=ir.TensorType(ir.DataType.INT64),
        shape=ir.Shape([]),
        const_value=ir.tensor(np.array(rate, np.int64), name=SAMPLE_RATE),
    )
    graph.inputs.append(value)
    graph.register_initializer(value)
    return value


def _drop_casts(graph: ir.Graph) -> None:
    """Drop onnxscript's casts of literals; all have the right type already."""
    for node in list(graph.all_nodes()):
        if node.op_type == "CastLike" and node.graph is not None:
            for use in tuple(node.outputs[0].uses()):
                use.node.replace_input_with(use.idx, node.inputs[0])
            node.graph.remove(node, safe=True)
