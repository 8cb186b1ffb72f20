"""A small language model and noisy emissions of its sentences, all seeded.

The words are few and alike, so that acoustics alone confuse them. Counts become an ARPA file by
interpolated Witten-Bell smoothing.
"""

import json
import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

LABELS = ("", "<s>", "</s>", "⁇", " ", "'", *"abcdefghijklmnopqrstuvwxyz")
WORDS = """
a the this that these i you he she we they it is was were be been has had have do did done go
goes went gone see sees saw seen say says said can could will would shall should may might not
no yes on off in out up down left right stop start one two three four five six seven eight nine
ten cat cats cap car cart card dog dogs door floor house mouse horse course force light night
right sight write white bite kite red bed bad bat hat hot pot top tap map man men pen ten hen
it's don't can't we're sheila marvin happy bird tree wow reading writing something another
"""
UNHEARD = ("zebra", "quixotic", "voxport", "hexagonal")  # in no sentence of the model
CONFUSED = dict(zip("aeioubdpthmnscgfvwrlykjxzq'", "eauiodbthpnmcsgvfrwlkygzxoi", strict=True))


def sentences(count: int, seed: int, unheard: float = 0.0) -> list[str]:
    """Return sentences of a chain in which each word has a few followers."""
    rng = np.random.default_rng(seed)
    words = sorted(set(WORDS.split()))
    followers = np.random.default_rng(0).integers(0, len(words), (len(words), 6))
    found = []
    for _ in range(count):
        place, sentence = int(rng.integers(len(words))), []
        for _ in range(int(rng.integers(2, 9))):
            sentence.append(words[place])
            if rng.random() < unheard:
                sentence.append(UNHEARD[int(rng.integers(len(UNHEARD)))])
            place = int(followers[place][int(rng.integers(6))])
        found.append(" ".join(sentence))
    return found


def write_arpa(path: Path, texts: list[str], order: int = 3) -> Path:
    """Count the n-grams of texts and write them with Witten-Bell's weights."""
    counts: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(order)]
    for text in texts:
        words = ("<s>", *text.split(), "</s>")
        for size in range(1, order + 1):
            for start in range(len(words) - size + 1):
                counts[size - 1][words[start : start + size]] += 1
    after: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for grams in counts:
        for gram, count in grams.items():
            if gram != ("<s>",):
                after[gram[:-1]][gram[-1]] += count
    known: dict[tuple[str, ...], float] = {}
    for size in range(1, order + 1):
        for gram in counts[size - 1]:
            if gram == ("<s>",):
                continue
            seen = after[gram[:-1]]
            total, kinds = sum(seen.values()), len(seen)
            lower = known[gram[1:]] if size > 1 else 1 / (len(after[()]) + 1)
            known[gram] = (seen[gram[-1]] + kinds * lower) / (total + kinds)
    root = after[()]
    unknown = len(root) / (len(root) + 1) / (sum(root.values()) + len(root))
    lines = ["\\data\\", f"ngram 1={len(counts[0]) + 1}"]
    lines += [f"ngram {size}={len(counts[size - 1])}" for size in range(2, order + 1)]
    for size in range(1, order + 1):
        lines += ["", f"\\{size}-grams:"]
        if size == 1:
            lines.append(f"{math.log10(unknown):.6f}\t<unk>\t0")
        for gram in sorted(counts[size - 1]):
            log10 = math.log10(known[gram]) if gram in known else -99.0
            seen = after.get(gram)
            weight = len(seen) / (sum(seen.values()) + len(seen)) if seen else 1.0
            tail = f"\t{math.log10(weight):.6f}" if size < order else ""
            lines.append(f"{log10:.6f}\t{' '.join(gram)}{tail}")
    path.write_text("\n".join([*lines, "", "\\end\\", ""]), encoding="utf-8")
    return path


def emissions(texts: list[str], seed: int) -> list[np.ndarray]:
    """Return logits [frames, labels] of texts, with noise and letters that are confused."""
    rng = np.random.default_rng(seed)
    return [_emission(text, rng) for text in texts]


def _emission(text: str, rng: np.random.Generator) -> np.ndarray:
    spoken = f" {text} " if rng.random() < 0.3 else text
    rows = []
    for letter in spoken:
        index = LABELS.index(letter)
        for _ in range(int(rng.integers(1, 3))):
            row = rng.standard_normal(len(LABELS)) * 1.5
            row[index] += 9
            other = LABELS.index(CONFUSED.get(letter, "e"))
            if rng.random() < 0.25:
                row[other] = row[index] + rng.normal(0, 1.5)
            if rng.random() < 0.15:
                row[0] = row[index] + rng.normal(0, 2)
            rows.append(row)
        for _ in range(int(rng.integers(1, 4))):
            row = rng.standard_normal(len(LABELS)) * 1.5
            row[0] += 9
            if rng.random() < 0.1:
                row[4] = row[0] + rng.normal(-1, 1.5)
            rows.append(row)
    return np.array(rows, np.float32)


def write_folder(
    folder: Path,
    model: Path,
    words: list[str],
    labels: tuple[str, ...] = LABELS,
    **attributes: object,
) -> Path:
    """Add ``alphabet.json`` and ``language_model`` to a folder, as pyctcdecode saves a decoder."""
    place = folder / "language_model"
    place.mkdir(parents=True)
    settings = {"alpha": 0.5, "beta": 1.5, "unk_score_offset": -10.0, "score_boundary": True}
    (folder / "alphabet.json").write_text(json.dumps({"labels": labels, "is_bpe": False}))
    (place / "attrs.json").write_text(json.dumps(settings | attributes))
    (place / "unigrams.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    (place / model.name).write_bytes(model.read_bytes())
    return folder
