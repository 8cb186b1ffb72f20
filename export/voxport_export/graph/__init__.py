"""The graph that ships: torchaudio's model rebuilt so that a row never sees its neighbours.

Plain ``nn.Module``s over tensors, written once and traced twice (TorchScript and ONNX). Nothing
here knows of files, packages or where weights come from.
"""

from __future__ import annotations

from typing import TypeAlias

from voxport_export.graph.features import FeatureGraph, FeatureRecognizerGraph
from voxport_export.graph.recognizer import RecognizerGraph

# What an artifact can hold: transcripts, features or both.
Graph: TypeAlias = RecognizerGraph | FeatureGraph | FeatureRecognizerGraph
