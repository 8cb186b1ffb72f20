"""Script for an interpreter with ctc-forced-aligner: CASES to JSON.

CASES is an .npz with the log-probabilities ``emission_0``, … [frames, 31] of the MMS aligner's
labels, and ``texts``, a JSON list of [tokens, words]: for each word its letters with spaces
between, as ``preprocess_text`` writes them, stars included. The JSON has the start and end in
seconds of each word; its code is used as it is, from the emission on.
"""

import json
import sys
from types import ModuleType

import numpy as np

for name in ("librosa", "requests"):  # imported for audio and downloads, which are not asked for
    sys.modules.setdefault(name, ModuleType(name))

import ctc_forced_aligner as reference  # noqa: E402

STRIDE_MS = 20

answers = []
with np.load(sys.argv[1]) as archive:
    for number, (tokens, words) in enumerate(json.loads(str(archive["texts"]))):
        emission = archive[f"emission_{number}"].astype(np.float32)
        starred = np.concatenate([emission, np.zeros((len(emission), 1), np.float32)], axis=1)
        tokenizer = reference.Tokenizer()
        segments, scores, blank = reference.get_alignments(starred, tokens, tokenizer)
        spans = reference.get_spans(tokens, segments, blank)
        found = reference.postprocess_results(words, spans, STRIDE_MS, scores)
        answers.append([[one["text"], one["start"], one["end"]] for one in found])
print(json.dumps(answers))
