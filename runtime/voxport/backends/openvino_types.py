"""The parts of OpenVINO's graph API used by voxport, as types.

OpenVINO's own classes come from a compiled module without usable annotations. Imports nothing of
it: the protocols only describe its objects.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Value(Protocol):
    """An output of a node."""

    def get_node(self) -> "Node": ...  # noqa: D102
    def get_index(self) -> int: ...  # noqa: D102
    def get_names(self) -> set[str]: ...  # noqa: D102
    def get_target_inputs(self) -> "set[Use]": ...  # noqa: D102
    def get_partial_shape(self) -> object: ...  # noqa: D102
    def get_element_type(self) -> object: ...  # noqa: D102


class Use(Protocol):
    """An input of a node."""

    def get_node(self) -> "Node": ...  # noqa: D102
    def get_source_output(self) -> Value: ...  # noqa: D102
    def replace_source_output(self, value: Value) -> None: ...  # noqa: D102


class Node(Protocol):
    """An operator of a graph."""

    def get_type_name(self) -> str: ...  # noqa: D102
    def get_name(self) -> str: ...  # noqa: D102
    def get_friendly_name(self) -> str: ...  # noqa: D102
    def inputs(self) -> list[Use]: ...  # noqa: D102
    def outputs(self) -> list[Value]: ...  # noqa: D102
    def output(self, index: int) -> Value: ...  # noqa: D102
    def input_value(self, index: int) -> Value: ...  # noqa: D102
    def input_values(self) -> list[Value]: ...  # noqa: D102
    def get_output_size(self) -> int: ...  # noqa: D102


class Constant(Node, Protocol):
    """A constant operator."""

    def get_data(self) -> NDArray[np.int64]: ...  # noqa: D102


class InputDescription(Protocol):
    """The connection of an input of a branch to a parameter of its body."""

    input_index: int
    body_parameter_index: int


class Branching(Node, Protocol):
    """An If operator."""

    def get_then_body(self) -> "Model": ...  # noqa: D102
    def get_input_descriptions(self, branch: int) -> list[InputDescription]: ...  # noqa: D102
    def set_then_body(self, body: "Model") -> None: ...  # noqa: D102
    def set_else_body(self, body: "Model") -> None: ...  # noqa: D102
    def set_input(  # noqa: D102
        self, value: Value, then_parameter: Node | None, else_parameter: Node | None
    ) -> None: ...
    def set_output(self, then_result: Node, else_result: Node) -> Value: ...  # noqa: D102


class Model(Protocol):
    """A graph."""

    def get_ops(self) -> list[Node]: ...  # noqa: D102
    def get_ordered_ops(self) -> list[Node]: ...  # noqa: D102
    def get_parameters(self) -> list[Node]: ...  # noqa: D102
    def get_results(self) -> list[Node]: ...  # noqa: D102
    def clone(self) -> "Model": ...  # noqa: D102
    def validate_nodes_and_infer_types(self) -> None: ...  # noqa: D102


class Operators(Protocol):
    """A set of operators: ``openvino.opset13``."""

    def constant(self, value: NDArray[np.int64]) -> Constant: ...  # noqa: D102
    def parameter(self, shape: object, element_type: object) -> Node: ...  # noqa: D102
    def result(self, value: Value) -> Node: ...  # noqa: D102
    def squeeze(self, value: Node, axes: Node) -> Node: ...  # noqa: D102
    def greater_equal(self, left: Value, right: Node) -> Node: ...  # noqa: D102
    def if_op(self, condition: Value) -> Branching: ...  # noqa: D102


class OpenVino(Protocol):
    """The module ``openvino``."""

    opset13: Operators

    def Model(  # noqa: D102, N802
        self, results: Sequence[Node], parameters: Sequence[Node], name: str
    ) -> Model: ...
