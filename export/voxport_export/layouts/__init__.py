"""Folders as other runtimes expect them: the same graph under other names, with their side files.

A layout is made from a package whose artifacts have been compared with the model already, so it
knows no torch; its own graph is compared with the package's before the folder is put in place.
"""

SHERPA_ONNX, HUGGINGFACE, TRITON = NAMES = ("sherpa-onnx", "huggingface", "triton")
