"""Script for an interpreter with sherpa-onnx: FOLDER RATE CLIP… to a JSON list of texts."""

import json
import sys

import numpy as np
import sherpa_onnx

folder, rate, *clips = sys.argv[1:]
recognizer = sherpa_onnx.OfflineRecognizer.from_omnilingual_asr_ctc(
    model=f"{folder}/model.onnx", tokens=f"{folder}/tokens.txt"
)
texts = []
for clip in clips:
    stream = recognizer.create_stream()
    stream.accept_waveform(int(rate), np.fromfile(clip, np.float32))
    recognizer.decode_stream(stream)
    texts.append(stream.result.text)
print(json.dumps(texts))
