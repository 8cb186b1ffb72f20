"""Folders for other runtimes: the package's graph under their names, with their side files.

A layout is made from a package whose artifacts have been compared with the model already, so it
needs no torch. Its own graph is compared with the package's before the folder is put in place.
"""

SHERPA_ONNX, HUGGINGFACE, TRITON = NAMES = ("sherpa-onnx", "huggingface", "triton")
