"""Script for an interpreter with optimum: FOLDER RATE CLIP… to two JSON lists of texts.

The first is of one recording at a time, the second of all in one batch.
"""

import json
import sys

import numpy as np
import torch
from optimum.onnxruntime import ORTModelForCTC
from transformers import AutoProcessor

folder, rate, *clips = sys.argv[1:]
waveforms = [np.fromfile(clip, np.float32) for clip in clips]
processor = AutoProcessor.from_pretrained(folder)
model = ORTModelForCTC.from_pretrained(folder)


def transcribe(batch):
    inputs = processor(batch, sampling_rate=int(rate), padding=True, return_tensors="pt")
    with torch.no_grad():
        return processor.batch_decode(model(**inputs).logits.argmax(-1))


alone = [transcribe([waveform])[0] for waveform in waveforms]
print(json.dumps([alone, transcribe(waveforms)]))
