"""What of a graph is put in another way for OpenVINO, which does some of it better by itself.

Works on OpenVINO's own model, with the module that it is handed. Knows what the exporter calls the
places that it changes; where a file does not have them, all stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voxport.backends.contract import ATTENTION, BLOCK_FRAMES, MOST_FRAMES

# Frames that the blocks fall short of the longest by, at the most, to be filled up.
_SPARE = 3

# A node's name and the number of its output: what a copy of a model has in common with it.
_Place = tuple[str, int]


def rearrange(model: Any, openvino: Any) -> None:
    """Change a model in place."""
    for node in model.get_ops():
        if node.get_type_name() == "If" and node.get_friendly_name().startswith(ATTENTION):
            _take_first_branch(node)
    most, frames = _named(model, MOST_FRAMES), _named(model, BLOCK_FRAMES)
    if most is not None and frames is not None and _loop(model) is not None:
        _fill_blocks(model, openvino, int(most.get_node().get_data().item()), frames)


def _take_first_branch(node: Any) -> None:
    """Put what an If does when it is true in its place.

    OpenVINO does the three operators of attention in one, which is faster than any blocks.
    """
    body = node.get_then_body()
    for given in node.get_input_descriptions(0):
        parameter = body.get_parameters()[given.body_parameter_index]
        _replace(parameter.output(0), node.input_value(given.input_index))
    _replace(node.output(0), body.get_results()[0].input_value(0))


def _fill_blocks(model: Any, openvino: Any, longest: int, frames: Any) -> None:
    """Run blocks of time that are nearly of the longest kind as such, in a loop of their own.

    Where the length of a loop's steps is not known beforehand, OpenVINO works out all shapes again,
    and turns the layout of the first layer around and back: a tenth of the time of a step.
    """
    operators = openvino.opset13
    filled, flexible = (_Blocks.of(model, openvino, length) for length in (longest, None))
    enough, axis = _ints(operators, longest - _SPARE), _ints(operators, 0)
    is_nearly_full = operators.squeeze(operators.greater_equal(frames, enough), axis)
    choice = operators.if_op(is_nearly_full.output(0))
    choice.set_then_body(filled.body)
    choice.set_else_body(flexible.body)
    outside = {_place(one): one for node in model.get_ops() for one in node.outputs()}
    for place in {**filled.given, **flexible.given}:
        choice.set_input(outside[place], filled.given.get(place), flexible.given.get(place))
    _replace(_joined(model), choice.set_output(filled.result, flexible.result))
    model.validate_nodes_and_infer_types()


@dataclass(frozen=True)
class _Blocks:
    """The blocks of time and the loop over them, cut out of a copy of a model."""

    body: Any  # a model
    given: dict[_Place, Any]  # its parameters, by what gives them
    result: Any

    @classmethod
    def of(cls, model: Any, openvino: Any, length: int | None) -> "_Blocks":
        """The blocks of a model, all of one length where that is given."""
        operators, twin = openvino.opset13, model.clone()
        starts = [_named(twin, name) for name in (MOST_FRAMES, BLOCK_FRAMES)]
        if length is not None:
            fixed = [_ints(operators, length).output(0) for _ in starts]
            for old, new in zip(starts, fixed, strict=True):
                _replace(old, new)
            twin.validate_nodes_and_infer_types()
            starts = fixed
        joined = _joined(twin)
        given: dict[_Place, Any] = {}
        for use in _entries(twin, starts, joined.get_node()):
            source = use.get_source_output()
            if _place(source) not in given:
                shape, kind = source.get_partial_shape(), source.get_element_type()
                given[_place(source)] = operators.parameter(shape, kind)
            use.replace_source_output(given[_place(source)].output(0))
        result = operators.result(joined)
        body = openvino.Model([result], list(given.values()), "blocks of time")
        return cls(body, given, result)


def _entries(model: Any, starts: Sequence[Any], end: Any) -> list[Any]:
    """Where values come in, constants aside, to the nodes between the starts and the end."""
    first = {user.get_node().get_name() for start in starts for user in start.get_target_inputs()}
    before: set[str] = set()
    left = [end]
    while left:
        node = left.pop()
        if node.get_name() not in before:
            before.add(node.get_name())
            left += [value.get_node() for value in node.input_values()]
    inside: set[str] = set()
    entries: list[Any] = []
    for node in model.get_ordered_ops():
        sources = [value.get_node() for value in node.input_values()]
        follows = any(source.get_name() in inside for source in sources)
        if node.get_name() in before and (follows or node.get_name() in first):
            inside.add(node.get_name())
            entries += [
                use
                for use, source in zip(node.inputs(), sources, strict=True)
                if source.get_name() not in inside and source.get_type_name() != "Constant"
            ]
    return entries


def _named(model: Any, name: str) -> Any:
    """The value of that name, or None."""
    outputs = (one for node in model.get_ops() for one in node.outputs())
    return next((one for one in outputs if name in one.get_names()), None)


def _loop(model: Any) -> Any:
    """The loop over the blocks of time, or None."""
    nodes = (node for node in model.get_ops() if node.get_type_name() == "TensorIterator")
    return next(nodes, None)


def _joined(model: Any) -> Any:
    """What the loop over the blocks gives, its last output."""
    loop = _loop(model)
    return loop.output(loop.get_output_size() - 1)


def _ints(operators: Any, number: int) -> Any:
    return operators.constant(np.array([number], np.int64))


def _place(value: Any) -> _Place:
    return value.get_node().get_friendly_name(), value.get_index()


def _replace(old: Any, new: Any) -> None:
    for user in old.get_target_inputs():
        user.replace_source_output(new)
