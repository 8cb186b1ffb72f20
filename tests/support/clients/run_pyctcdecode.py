"""Script for an interpreter with pyctcdecode: FOLDER EMISSIONS WIDTH WEIGHT [HOT_WORD…] to JSON.

FOLDER holds alphabet.json and language_model, EMISSIONS is an .npz of logits. The JSON has the best
text of each emission, its score, and the seconds that the search took.
"""

import json
import logging
import sys
import time

import numpy as np
from pyctcdecode import BeamSearchDecoderCTC

logging.disable()
folder, emissions, width, weight, *hot_words = sys.argv[1:]
decoder = BeamSearchDecoderCTC.load_from_dir(folder, "utf-8")
texts, scores, seconds = [], [], 0.0
with np.load(emissions) as archive:
    logits = [archive[name] for name in archive.files]
for one in logits:
    start = time.perf_counter()
    beams = decoder.decode_beams(
        one,
        int(width),
        prune_history=True,
        hotwords=hot_words,
        hotword_weight=float(weight),
    )
    seconds += time.perf_counter() - start
    texts.append(beams[0][0])
    scores.append(beams[0][-1])
print(json.dumps({"texts": texts, "scores": scores, "seconds": seconds}))
