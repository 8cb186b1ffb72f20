"""Turn the index of the best label into the label itself: a string by table lookup."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.tape import Tape

from voxport.backends.contract import LABEL

INDEX = "label_index"  # the output of the traced graph: int64 (B,), the number of labels for none


def name_label(model: ir.Model, labels: Sequence[str]) -> None:
    """Replace the output ``label_index`` of a graph, if there is one, by ``label`` (string (B,)).

    Args:
        model: changed in place.
        labels: by index; a row without frames has the index behind them, and an empty label.
    """
    names = [value.name for value in model.graph.outputs]
    if INDEX not in names:
        return
    place = names.index(INDEX)
    tape = Tape()
    table = tape.op("Constant", [], {"value_strings": [*labels, ""]})
    label = tape.op("Gather", [table, model.graph.outputs[place]])
    label.name = LABEL
    label.dtype = ir.DataType.STRING
    label.shape = ir.Shape(["batch"])
    model.graph.extend(tape.nodes)
    model.graph.outputs[place] = label
