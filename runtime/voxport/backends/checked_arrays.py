"""Checks of one array: type, shape and range. Knows no output by name."""

from typing import Any

import numpy as np


def length_problem(name: str, lengths: Any, rows: int, most: int) -> str | None:
    """Check the lengths (rows,) of an output, each of 0 to ``most``."""
    return array_problem(f"lengths of {name}", lengths, np.int64, (rows,)) or range_problem(
        f"lengths of {name}", lengths, 0, most
    )


def array_problem(
    name: str, values: Any, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> str | None:
    """Compare an array's type and shape with the expected ones; None in a shape is any size."""
    found = str(getattr(values, "dtype", type(values).__name__))
    if found != str(np.dtype(dtype)):
        return f"{name} is {found}, not {np.dtype(dtype)}"
    sizes: tuple[int, ...] = values.shape
    fits = len(sizes) == len(shape) and all(
        wanted in (None, size) for size, wanted in zip(sizes, shape, strict=True)
    )
    expected = ["any" if size is None else size for size in shape]
    return None if fits else f"{name} has the shape {list(sizes)}, not {expected}"


def range_problem(name: str, values: Any, least: float, most: float) -> str | None:
    """Check that every value is of ``least`` to ``most``; None and empty arrays pass."""
    if values is None or not values.size:
        return None
    low, high = values.min(), values.max()
    if least <= low and high <= most:  # false for a NaN
        return None
    return f"{name} reach from {low} to {high}, beyond {least} to {most:g}"
