"""Formats of artifacts that are written where none is named. Imports nothing heavy."""

from voxport.package.manifest import ONNX, TORCHSCRIPT

DEFAULT_FORMATS = (ONNX, TORCHSCRIPT)
