"""Mutated recordings and packages for the hosts without Python, hashes right, seeds fixed.

Knows files, not who reads them. Needs soundfile and onnx.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from benchmarks.hostile.constant_graph import constant_graph, valid_outputs

Random = np.random.Generator
Mutation = Callable[[bytes, Random], bytes]

_FORMATS = (
    ("wav", "WAV", "PCM_16"),
    ("wav", "WAV", "PCM_24"),
    ("wav", "WAV", "FLOAT"),
    ("wav", "WAV", "IMA_ADPCM"),
    ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("aiff", "AIFF", "PCM_16"),
    ("au", "AU", "PCM_16"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
)
_GRAPH = "model.onnx"
_UNSIGNED = "0" * 64
_STRANGE = (None, True, -1, 0, 1, 2**31, 2**40, 2**63, 2**64, 1e308, -0.5, "", "..", "../x")
_STRANGE_TEXTS = ("\x1b[2J", "a" * 5000, "\ud800", [], {}, [[]], [None], {"path": "/etc/passwd"})


def _flip(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for place in random.integers(0, len(changed), random.integers(1, 9)):
        changed[place] ^= 1 << int(random.integers(0, 8))
    return bytes(changed)


def _change_header(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for place in random.integers(0, min(96, len(changed)), random.integers(1, 5)):
        values = np.array([0, 1, 0x7F, 0x80, 0xFF, random.integers(0, 256)])
        changed[place] = int(random.choice(values))
    return bytes(changed)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: int(random.integers(0, len(content)))]


def _delete(content: bytes, random: Random) -> bytes:
    start, end = sorted(random.integers(0, len(content), 2).tolist())
    return content[:start] + content[min(end, start + 5000) :]


def _repeat(content: bytes, random: Random) -> bytes:
    start, end = sorted(random.integers(0, len(content), 2).tolist())
    return content[:end] + content[start:]


def _zero(content: bytes, random: Random) -> bytes:
    start = int(random.integers(0, len(content)))
    size = min(int(random.integers(1, 4000)), len(content) - start)
    return content[:start] + bytes(size) + content[start + size :]


def _insert(content: bytes, random: Random) -> bytes:
    start = int(random.integers(0, len(content)))
    return content[:start] + random.bytes(int(random.integers(1, 2000))) + content[start:]


def _join(content: bytes, _: Random) -> bytes:
    return content + content


MUTATIONS: dict[str, Mutation] = {
    "flip": _flip,
    "header": _change_header,
    "cut": _cut,
    "delete": _delete,
    "repeat": _repeat,
    "zero": _zero,
    "insert": _insert,
    "join": _join,
}


def write_recordings(clip: Path, folder: Path, count: int, seed: int) -> Iterator[Path]:
    """Write `count` mutated copies of `clip` in all formats; the names tell format and mutation."""
    samples, rate = soundfile.read(clip, dtype="float32")  # pyright: ignore
    bases: list[tuple[str, bytes]] = []
    for suffix, container, codec in _FORMATS:
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format=container, subtype=codec)  # pyright: ignore
        bases.append((suffix, file.getvalue()))
    names = list(MUTATIONS)
    for number in range(count):
        random = np.random.default_rng((seed, number))
        suffix, content = bases[number % len(bases)]
        name = names[number // len(bases) % len(names)]
        path = folder / f"{number:05}-{name}.{suffix}"
        path.write_bytes(MUTATIONS[name](content, random))
        yield path


def write_packages(package: Path, folder: Path, numbers: range, seed: int) -> Iterator[Path]:
    """Write packages with a changed manifest or a changed graph, every hash right.

    A package depends on its number and the seed alone.
    """
    document = read_one_artifact(package)
    graph = (package / _GRAPH).read_bytes()
    kinds = (_change_manifest, _change_constants, _change_bytes, _change_small_bytes)
    for number in numbers:
        random = np.random.default_rng((seed, number))
        kind = kinds[number % len(kinds)]
        path = folder / f"{number:05}-{kind.__name__.removeprefix('_change_')}"
        path.mkdir()
        changed = json.loads(json.dumps(document))
        content = kind(changed, graph, random)
        (path / _GRAPH).write_bytes(content)
        _sign(changed, content, path, keep=kind is _change_manifest)
        yield path


def read_one_artifact(package: Path) -> Any:
    """Return a package's manifest without the other artifacts, and all that was measured of them.

    What is left over would refuse each package before its graph is looked at.
    """
    document = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
    document["artifacts"] = [one for one in document["artifacts"] if one["path"] == _GRAPH]
    document["parity"] = [one for one in document["parity"] if one["artifact"] == _GRAPH]
    document.pop("gates", None)
    return document


def _sign(document: Any, content: bytes, path: Path, *, keep: bool) -> None:
    """Write the manifest with the hashes that fit; `keep` what was changed of its artifacts."""
    if not keep:
        entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        document["artifacts"][0].update(entry)
    text = json.dumps({**document, "sha256": _UNSIGNED})
    signed = text.replace(_UNSIGNED, hashlib.sha256(text.encode()).hexdigest())
    (path / "manifest.json").write_text(signed, encoding="utf-8")


def _change_manifest(document: Any, graph: bytes, random: Random) -> bytes:
    """Replace one value of the document, or delete it, at any depth."""
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[int(random.integers(0, len(keys)))]
        inner = place[key]
        if not (isinstance(inner, (dict, list)) and inner) or random.random() < 0.2:
            break
        place = inner
    choices = [*_STRANGE, *_STRANGE_TEXTS]
    if random.random() < 0.1:
        del place[key]
    else:
        place[key] = choices[int(random.integers(0, len(choices)))]
    return graph


def _change_bytes(_: Any, graph: bytes, random: Random) -> bytes:
    """Change the bytes of the real graph, in its first 200 kB, where the operators stand."""
    names = list(MUTATIONS)
    name = names[int(random.integers(0, len(names)))]
    return MUTATIONS[name](graph[:200_000], random) + graph[200_000:]


def _change_small_bytes(document: Any, _: bytes, random: Random) -> bytes:
    """Change the bytes of a graph of constants: more of them mean something."""
    names = list(MUTATIONS)
    name = names[int(random.integers(0, len(names)))]
    return MUTATIONS[name](_constants(document, random, spoil=False), random)


def _change_constants(document: Any, _: bytes, random: Random) -> bytes:
    """Make a graph whose outputs break the contract in one way."""
    return _constants(document, random, spoil=True)


def _constants(document: Any, random: Random, *, spoil: bool) -> bytes:
    labels = len(document["model"]["labels"])
    outputs = valid_outputs(labels)
    if spoil:
        names = list(outputs)
        name = names[int(random.integers(0, len(names)))]
        outputs[name] = _spoil(outputs[name], random)
    return constant_graph(outputs).SerializeToString()


def _spoil(value: np.ndarray[Any, Any], random: Random) -> np.ndarray[Any, Any]:
    """Change values, rows, rank, width or type."""
    way = int(random.integers(0, 6))
    if value.dtype.kind == "O":
        texts = (["\x1b[2J"], [], ["a", "b"], [""], ["x" * 10**6], ["\0"])
        return np.array(texts[way], object)
    if way == 0:
        numbers = [np.nan, np.inf, -1e38, 2.0] if value.dtype.kind == "f" else [-1, 2**62, 29, 5]
        changed = value.copy()
        changed.flat[int(random.integers(0, changed.size))] = random.choice(numbers)
        return changed
    if way == 1:
        return np.repeat(value, 3, axis=0)
    if way == 2:
        return value[:0]
    if way == 3:
        return value[0]
    if way == 4:
        return value[..., :0] if value.ndim > 1 else np.concatenate([value, value])
    return value.astype(np.int64 if value.dtype.kind == "f" else np.float32)
