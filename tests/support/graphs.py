"""Structures of models and lengths of rows for every test of a graph."""

# Samples of a row: none, around the receptive field of 400, and more
EDGES = [0, 1, 399, 400, 401, 5_000, 160_000]

# Arguments of ``support.noise.make_model``.
FAMILIES = {
    "base": {"mode": "group_norm", "first": False, "bias": False},
    "large-lv60k": {"mode": "layer_norm", "first": True, "bias": True},
    "bias under group norm": {"mode": "group_norm", "first": True, "bias": True},
    "odd positional kernel": {"kernel": 31},
    "other strides": {"layers": [(16, 8, 4), (16, 5, 3), (16, 1, 1), (16, 4, 2)]},
}
