"""Rewrites of a graph into faster forms for OpenVINO.

Works on OpenVINO's own model, with the module as an argument. Knows the exporter's names of the
changed places; a file without them stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from voxport.backends.contract import ATTENTION, BLOCK_FRAMES, MOST_FRAMES
from voxport.backends.openvino_types import (
    Branching,
    Constant,
    Model,
    Node,
    OpenVino,
    Operators,
    Use,
    Value,
)

# Frames by which a recording's blocks may fall short of the longest kind, to be filled up to it.
_SPARE_FRAMES = 3

# A node's name and the number of its output: the same in a model and its copy.
_Place = tuple[str, int]


def rewrite(model: Model, openvino: OpenVino) -> None:
    """Change a model in place."""
    for node in model.get_ops():
        if node.get_type_name() == "If" and node.get_friendly_name().startswith(ATTENTION):
            _inline_first_branch(cast("Branching", node))
    most, frames = _value_named(model, MOST_FRAMES), _value_named(model, BLOCK_FRAMES)
    if most is not None and frames is not None and _block_loops(model):
        longest = cast("Constant", most.get_node()).get_data().item()
        _fill_blocks(model, openvino, int(longest), frames)


def _inline_first_branch(node: Branching) -> None:
    """Replace an If by its first branch.

    OpenVINO fuses the three operators of attention, faster than any blocks.
    """
    body = node.get_then_body()
    for given in node.get_input_descriptions(0):
        parameter = body.get_parameters()[given.body_parameter_index]
        _replace(parameter.output(0), node.input_value(given.input_index))
    _replace(node.output(0), body.get_results()[0].input_value(0))


def _fill_blocks(model: Model, openvino: OpenVino, longest: int, frames: Value) -> None:
    """Run blocks of time of nearly the longest kind as that kind, in a loop of their own.

    With an unknown length of a loop's steps, OpenVINO infers all shapes again, and reorders the
    layout of the first layer and back: a tenth of the time of a step.
    """
    operators = openvino.opset13
    filled, flexible = (_Blocks.cut_out(model, openvino, length) for length in (longest, None))
    enough, axis = _constant(operators, longest - _SPARE_FRAMES), _constant(operators, 0)
    is_nearly_full = operators.squeeze(operators.greater_equal(frames, enough), axis)
    choice = operators.if_op(is_nearly_full.output(0))
    choice.set_then_body(filled.body)
    choice.set_else_body(flexible.body)
    outside = {_place(one): one for node in model.get_ops() for one in node.outputs()}
    for place in {**filled.parameters, **flexible.parameters}:
        then_parameter, else_parameter = (
            blocks.parameters.get(place) for blocks in (filled, flexible)
        )
        choice.set_input(outside[place], then_parameter, else_parameter)
    _replace(_joined_blocks(model), choice.set_output(filled.result, flexible.result))
    model.validate_nodes_and_infer_types()


@dataclass(frozen=True)
class _Blocks:
    """The blocks of time and the loop over them, cut out of a copy of a model."""

    body: Model
    parameters: dict[_Place, Node]  # by the place of their source in the model
    result: Node

    @classmethod
    def cut_out(cls, model: Model, openvino: OpenVino, length: int | None) -> "_Blocks":
        """Cut out the blocks of a model, all of one length if given."""
        operators, twin = openvino.opset13, model.clone()
        found = [_value_named(twin, name) for name in (MOST_FRAMES, BLOCK_FRAMES)]
        starts = [start for start in found if start is not None]
        if length is not None:
            fixed = [_constant(operators, length).output(0) for _ in starts]
            for old, new in zip(starts, fixed, strict=True):
                _replace(old, new)
            twin.validate_nodes_and_infer_types()
            starts = fixed
        joined = _joined_blocks(twin)
        parameters: dict[_Place, Node] = {}
        for use in _entries(twin, starts, joined.get_node()):
            source = use.get_source_output()
            if _place(source) not in parameters:
                shape, element_type = source.get_partial_shape(), source.get_element_type()
                parameters[_place(source)] = operators.parameter(shape, element_type)
            use.replace_source_output(parameters[_place(source)].output(0))
        result = operators.result(joined)
        body = openvino.Model([result], list(parameters.values()), "blocks of time")
        return cls(body, parameters, result)


def _entries(model: Model, starts: Sequence[Value], end: Node) -> list[Use]:
    """List the inputs, constants aside, of the nodes between the starts and the end."""
    first = {user.get_node().get_name() for start in starts for user in start.get_target_inputs()}
    before = _names_before(end)
    inside: set[str] = set()
    entries: list[Use] = []
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


def _names_before(end: Node) -> set[str]:
    """Return the names of a node and of all its dependencies."""
    names: set[str] = set()
    left = [end]
    while left:
        node = left.pop()
        if node.get_name() not in names:
            names.add(node.get_name())
            left += [value.get_node() for value in node.input_values()]
    return names


def _value_named(model: Model, name: str) -> Value | None:
    outputs = (one for node in model.get_ops() for one in node.outputs())
    return next((one for one in outputs if name in one.get_names()), None)


def _block_loops(model: Model) -> list[Node]:
    """List the loops; the exporter writes at most one, over the blocks of time."""
    return [node for node in model.get_ops() if node.get_type_name() == "TensorIterator"]


def _joined_blocks(model: Model) -> Value:
    """Return the result of the loop over the blocks, its last output."""
    loop = _block_loops(model)[0]
    return loop.output(loop.get_output_size() - 1)


def _constant(operators: Operators, number: int) -> Constant:
    return operators.constant(np.array([number], np.int64))


def _place(value: Value) -> _Place:
    return value.get_node().get_friendly_name(), value.get_index()


def _replace(old: Value, new: Value) -> None:
    for user in old.get_target_inputs():
        user.replace_source_output(new)
