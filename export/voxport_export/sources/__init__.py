"""Sources of models: one module a kind, each returning a ``Source``."""
