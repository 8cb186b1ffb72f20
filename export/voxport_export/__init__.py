"""Export Wav2Vec2, HuBERT and MMS models with their CTC decoder to ONNX and TorchScript."""
