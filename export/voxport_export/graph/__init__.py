"""The graph that ships: torchaudio's model rebuilt so that a row never sees its neighbours.

Plain ``nn.Module``s over tensors, written once and traced twice (TorchScript and ONNX). Nothing
here knows of files, packages or where weights come from.
"""
