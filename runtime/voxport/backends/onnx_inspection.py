"""A look at an ONNX file before an engine opens it.

A hash proves that a file is the one its manifest records, not its author's good intent. Engines
have died of rare operators (``com.microsoft::Inverse`` of a non-square matrix is a signal 11 in
every onnxruntime up to 1.31), and before 1.24.4 onnxruntime read any file named by external
weights. So a file may use only the exporter's own parts: standard operators out of a list, and
external weights out of the manifest's files. Knows the wire format; no engine.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from mmap import mmap

from voxport.backends.onnx_protobuf import ATTRIBUTE, GRAPH, NODE, SUBGRAPH, SUBGRAPHS
from voxport.backends.protobuf import decode_number, read_fields, read_texts

# The operators of the exporter's fp32, int8, fp16 and feature graphs of every model family, and of
# its layouts (opset 20). A test compares exports with it; an exporter that learns a new operator
# adds it here.
_WRITTEN = """
    Add And ArgMax Cast Ceil Clip Concat Constant ConstantOfShape Conv Cos CumSum DequantizeLinear
    Div Equal Exp Expand Gather Gelu Greater Identity If LayerNormalization Less LessOrEqual Loop
    MatMul Max Min Mod Mul Neg NonZero Not Or Pad Pow QuantizeLinear Range Reciprocal ReduceMax
    ReduceMean ReduceSum ReduceSumSquare Relu Reshape Scan ScatterElements Shape Sigmoid Sin Slice
    Softmax Split Sqrt Squeeze StringConcat Sub Transpose Unsqueeze Where
"""
# Arithmetic that torch.onnx may choose instead, in another version or for another trace.
_EQUIVALENT = """
    Abs DynamicQuantizeLinear Erf Floor Gemm GreaterOrEqual Log LogSoftmax MatMulInteger ReduceMin
    Size Tanh Tile
"""
OPERATORS = frozenset(f"{_WRITTEN} {_EQUIVALENT}".split())

_STANDARD_DOMAINS = ("", "ai.onnx")
_MAX_DEPTH = 16  # subgraphs within each other; the exporter's have 3
_MAX_NODES = 100_000  # the largest export, 48 layers in blocks of time, has 12 000
_MAX_FIELDS = 2_000_000  # all parts of all messages; the same export has 250 000
_ENGINE_FORMAT = b"ORTM"  # at byte 4: onnxruntime's own format, which it then reads instead

_MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTIONS = 8, 20, 25
_OPSET_DOMAIN = 1
_GRAPH_INITIALIZER, _GRAPH_SPARSE = 5, 15
_NODE_OPERATOR, _NODE_DOMAIN = 4, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS = 5, 10
_ATTRIBUTE_SPARSE = (22, 23)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_LOCATION = "location"


def refusal_reason(model: bytes | mmap, external: Collection[str] = ()) -> str | None:
    """Return the reason why a model must not be opened, or None.

    ``external``: the names of the files allowed to hold weights beside it.
    """
    if model[4:8] == _ENGINE_FORMAT:
        return "is in onnxruntime's own format, and the exporter writes ONNX"
    try:
        return next(_problems(memoryview(model), external), None)
    except (ValueError, RecursionError) as error:  # ValueError: no protobuf, or no UTF-8
        return f"is no ONNX file: {error}"


@dataclass
class _Budget:
    """The numbers of nodes and fields left to visit."""

    nodes: int = _MAX_NODES
    fields: int = _MAX_FIELDS

    def read(self, message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
        """Iterate over a message's fields, as ``read_fields``."""
        for field in read_fields(message):
            self.fields -= 1
            if self.fields < 0:
                raise ValueError(f"it has more than {_MAX_FIELDS} parts")
            yield field


def _problems(model: memoryview, external: Collection[str]) -> Iterator[str]:
    budget = _Budget()
    graphs = 0
    for number, content, _ in budget.read(model):
        if number == GRAPH:
            graphs += 1
            yield from _graph_problems(content, external, budget, depth=0)
        elif number == _MODEL_OPSET:
            for domain in read_texts(content, _OPSET_DOMAIN):
                yield from _domain_problems(domain)
        elif number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            yield "holds functions or training parts, which the exporter does not write"
    if graphs != 1:
        yield f"is no ONNX file: it holds {graphs} graphs"


def _graph_problems(
    graph: memoryview, external: Collection[str], budget: _Budget, depth: int
) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        yield f"nests its graphs more than {_MAX_DEPTH} deep"
        return
    for number, content, _ in budget.read(graph):
        if number == NODE:
            budget.nodes -= 1
            if budget.nodes < 0:
                yield f"has more than {_MAX_NODES} operators"
                return
            yield from _node_problems(content, external, budget, depth)
        elif number == _GRAPH_INITIALIZER:
            yield from _tensor_problems(content, external, budget)
        elif number == _GRAPH_SPARSE:
            yield "holds sparse weights, which the exporter does not write"


def _node_problems(
    node: memoryview, external: Collection[str], budget: _Budget, depth: int
) -> Iterator[str]:
    operator = ""
    for number, content, _ in budget.read(node):
        if number == _NODE_OPERATOR:
            operator = str(content, "utf-8")
        elif number == _NODE_DOMAIN:
            yield from _domain_problems(str(content, "utf-8"))
        elif number == ATTRIBUTE:
            yield from _attribute_problems(content, external, budget, depth)
    if operator not in OPERATORS:
        yield f"uses the operator {operator!r}, which the exporter does not write"


def _domain_problems(domain: str) -> Iterator[str]:
    if domain not in _STANDARD_DOMAINS:
        yield f"uses operators of the domain {domain!r}: only standard ONNX is run"


def _attribute_problems(
    attribute: memoryview, external: Collection[str], budget: _Budget, depth: int
) -> Iterator[str]:
    for number, content, _ in budget.read(attribute):
        if number in (SUBGRAPH, SUBGRAPHS):
            yield from _graph_problems(content, external, budget, depth + 1)
        elif number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            yield from _tensor_problems(content, external, budget)
        elif number in _ATTRIBUTE_SPARSE:
            yield "holds sparse weights, which the exporter does not write"


def _tensor_problems(
    tensor: memoryview, external: Collection[str], budget: _Budget
) -> Iterator[str]:
    is_external = has_location = False
    for number, content, whole in budget.read(tensor):
        if number == _TENSOR_LOCATION:
            is_external |= decode_number(whole, decode_number(whole, 0)[1])[0] != 0
        elif number == _TENSOR_EXTERNAL:
            is_external = True
            # Of a field that stands twice parsers take one: every key and every value counts.
            if _LOCATION in read_texts(content, _ENTRY_KEY):
                has_location = True
                for location in read_texts(content, _ENTRY_VALUE) or [""]:
                    if location not in external:
                        yield (
                            f"has weights in {location!r}, which the manifest does not list for it"
                        )
    if is_external and not has_location:
        yield "has weights elsewhere and does not name their file"
