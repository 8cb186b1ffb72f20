"""The machine's peak: large, well-shaped matrix products in float32, bfloat16 and int8.

The best of several engines is the peak; a model's operations over its time are a share of it. Each
engine is a candidate like any other, except that it ignores the clips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from voxport.benchmark.process import Candidate

SIZE = 2048  # rows, columns and depth of the square product
OPERATIONS = 2 * SIZE**3

# Engine: its precision, and a function of this module
ENGINES = {
    "numpy": ("float32", "multiply_numpy"),
    "torch": ("float32", "multiply_torch"),
    "onnxruntime": ("float32", "multiply_onnxruntime"),
    "torch bfloat16": ("bfloat16", "multiply_torch"),
    "onnxruntime int8": ("int8", "multiply_onnxruntime"),
    "onnxruntime dynamic int8": ("dynamic", "multiply_onnxruntime"),
}

Work = Callable[[Sequence[Any]], list[str]]


def candidates(threads: int) -> list[Candidate]:
    """Return one process for each engine."""
    environment = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    return [
        Candidate(
            engine,
            f"{__name__}:{function}",
            {"precision": precision, "threads": threads},
            environment=environment,
        )
        for engine, (precision, function) in ENGINES.items()
    ]


def multiply_numpy(precision: str, threads: int) -> Work:  # noqa: ARG001
    """Multiply by numpy's BLAS; its threads come from the environment."""
    import numpy as np

    x, y = np.random.default_rng(0).standard_normal((2, SIZE, SIZE), np.float32)
    return lambda _: [str((x @ y)[0, 0])]


def multiply_torch(precision: str, threads: int) -> Work:
    """Multiply by torch's oneDNN or MKL."""
    import torch

    torch.set_num_threads(threads)
    x, y = torch.randn(2, SIZE, SIZE).to(getattr(torch, precision))
    return lambda _: [str(float((x @ y)[0, 0]))]


def multiply_onnxruntime(precision: str, threads: int) -> Work:
    """Multiply by MLAS, with the right matrix constant and packed beforehand, like weights."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = _product(precision).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    kind = np.uint8 if precision == "int8" else np.float32
    x = (np.random.default_rng(0).random((SIZE, SIZE)) * 100).astype(kind)
    return lambda _: [str(session.run(None, {"x": x})[0][0, 0])]


def _product(precision: str) -> Any:
    """Return an ONNX model of one product: MatMul, MatMulInteger or DynamicQuantizeMatMul."""
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    if precision == "float32":
        constants = {"w": rng.standard_normal((SIZE, SIZE)).astype(np.float32)}
        operator, domain, given, found = "MatMul", "", "FLOAT", "FLOAT"
    else:
        constants = {"w": rng.integers(-100, 100, (SIZE, SIZE)).astype(np.int8)}
        operator, domain, given, found = "MatMulInteger", "", "UINT8", "INT32"
    if precision == "dynamic":
        constants["scale"] = np.ones(SIZE, np.float32)
        operator, domain, given, found = "DynamicQuantizeMatMul", "com.microsoft", "FLOAT", "FLOAT"
    kinds = onnx.TensorProto
    node = helper.make_node(operator, ["x", *constants], ["y"], domain=domain)
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", getattr(kinds, given), [SIZE, SIZE])],
        [helper.make_tensor_value_info("y", getattr(kinds, found), [SIZE, SIZE])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    versions = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9)
