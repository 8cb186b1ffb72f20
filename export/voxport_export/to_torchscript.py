"""Export the graph to TorchScript: a trace, and scripts around it for text and other rates."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torchaudio.functional import resample

from voxport.package.manifest import CLASSIFICATION, EMBEDDING, FRAMES
from voxport.package.word_pieces import has_word_pieces
from voxport_export.graph.features import FeatureGraph, FeatureRecognizerGraph, Graph
from voxport_export.graph.heads import HeadGraph
from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.quiet import quiet_torchscript

# torch's archive writer adds these records by itself.
_WRITER_RECORDS = (".data/serialization_id", "version")


def _resample(
    waveform: Tensor, lengths: Tensor, rate: int | None, own: int
) -> tuple[Tensor, Tensor]:
    """Resample waveform (B, S) and lengths (B,) to the rate ``own``, in Hz."""
    if rate is None or rate == own or waveform.shape[1] == 0:  # torchaudio refuses S = 0
        return waveform, lengths
    lengths = lengths.clamp(0, waveform.shape[1])
    inside = torch.arange(waveform.shape[1], device=waveform.device) < lengths.unsqueeze(1)
    resampled = resample(waveform.where(inside, waveform.new_zeros(())), rate, own)
    common = math.gcd(rate, own)
    orig, new = rate // common, own // common
    count = torch.ceil((new * lengths.double() / orig).float()).long()  # as torchaudio rounds
    return resampled, torch.minimum(count, (lengths // orig + 1) * new)


class _Scripted(nn.Module):
    def __init__(self, graph: torch.jit.ScriptModule, pieces: list[str], sample_rate: int):
        super().__init__()
        self.graph = graph
        self.pieces = [*pieces, ""]  # the last is that of token -1, the padding
        self.sample_rate = sample_rate


class _ScriptedPieces(_Scripted):
    """Word pieces: the first of a text has no space in front."""

    def __init__(self, graph: torch.jit.ScriptModule, pieces: list[str], sample_rate: int):
        firsts = [piece.lstrip(" ") for piece in pieces]
        super().__init__(graph, [*pieces, *firsts], sample_rate)
        has_text = torch.tensor([*(int(bool(piece)) for piece in pieces), 0])
        self.register_buffer("has_text", has_text, persistent=True)
        self.labels = len(pieces)


class _WithTranscript(_Scripted):
    def forward(
        self, waveform: Tensor, lengths: Tensor, sample_rate: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, list[str]]:
        waveform, lengths = _resample(waveform, lengths, sample_rate, self.sample_rate)
        emission, frames, tokens, counts, starts, ends, scores = self.graph(waveform, lengths)
        rows: list[list[int]] = tokens.tolist()
        transcripts: list[str] = []
        for row in rows:
            transcripts.append("".join([self.pieces[token] for token in row]))
        return emission, frames, tokens, counts, starts, ends, scores, transcripts


class _WithPieces(_ScriptedPieces):  # no annotation of has_text: torch's compiler reads it as text
    def forward(
        self, waveform: Tensor, lengths: Tensor, sample_rate: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, list[str]]:
        waveform, lengths = _resample(waveform, lengths, sample_rate, self.sample_rate)
        emission, frames, tokens, counts, starts, ends, scores = self.graph(waveform, lengths)
        counted = self.has_text[tokens]  # pyright: ignore[reportIndexIssue]
        first = counted * (counted.cumsum(1) == 1)
        rows: list[list[int]] = (tokens + first * self.labels).tolist()
        transcripts: list[str] = []
        for row in rows:
            transcripts.append("".join([self.pieces[token] for token in row]))
        return emission, frames, tokens, counts, starts, ends, scores, transcripts


class _WithFeatures(_Scripted):
    @torch.jit.export
    def extract_features(
        self, waveform: Tensor, lengths: Tensor, sample_rate: int | None = None
    ) -> tuple[list[Tensor], Tensor]:
        waveform, lengths = _resample(waveform, lengths, sample_rate, self.sample_rate)
        return self.graph.extract_features(waveform, lengths)


class _WithBoth(_WithTranscript, _WithFeatures):
    pass


class _WithPiecesAndFeatures(_WithPieces, _WithFeatures):
    pass


class _WithLabel(_Scripted):
    def forward(
        self, waveform: Tensor, lengths: Tensor, sample_rate: int | None = None
    ) -> tuple[Tensor, Tensor, list[str]]:
        waveform, lengths = _resample(waveform, lengths, sample_rate, self.sample_rate)
        logits, scores, index = self.graph(waveform, lengths)
        best: list[int] = index.tolist()
        return logits, scores, [self.pieces[label] for label in best]


class _WithFrames(_Scripted):
    def forward(
        self, waveform: Tensor, lengths: Tensor, sample_rate: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        waveform, lengths = _resample(waveform, lengths, sample_rate, self.sample_rate)
        logits, scores, frames = self.graph(waveform, lengths)
        return logits, scores, frames


class _WithEmbedding(_Scripted):
    def forward(self, waveform: Tensor, lengths: Tensor, sample_rate: int | None = None) -> Tensor:
        waveform, lengths = _resample(waveform, lengths, sample_rate, self.sample_rate)
        return self.graph(waveform, lengths)


class _Methods(nn.Module):
    """A graph with one method for each kind of output, over the same weights."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.recognizer = graph
        self.features = graph
        if isinstance(graph, FeatureRecognizerGraph):
            self.recognizer, self.features = graph.recognizer, graph.features

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, ...] | Tensor:
        found = self.recognizer(waveform, lengths)
        return found if len(found) > 1 else found[0]

    def extract_features(self, waveform: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        return self.features(waveform, lengths)


def export_torchscript(
    graph: Graph,
    example: tuple[Tensor, Tensor],
    pieces: list[str],
    sample_rate: int,
    path: Path,
) -> None:
    """Trace ``graph`` and save it.

    The file's ``forward`` returns transcripts, its ``extract_features`` features, over the same
    weights.

    Args:
        graph: in evaluation mode, on the CPU.
        example: waveform (B, S) and lengths (B,) to trace with; the file takes any others.
        pieces: text of each label in a transcript.
        sample_rate: the model's own, Hz.
        path: the file to write.

    Raises:
        RuntimeError: the trace holds a device, so it would run on no other.
    """
    methods, wrapper = _wrapper_of(graph, pieces)
    with torch.no_grad(), quiet_torchscript():
        module = torch.jit.trace_module(
            _Methods(graph),
            dict.fromkeys(methods, example),
            check_trace=False,
            strict=False,  # allows a list of layers as output
        )
    for method in methods:
        _check_device(str(getattr(module, method).inlined_graph))
    with quiet_torchscript():
        module = torch.jit.script(wrapper(module, pieces, sample_rate))
    whole = path.with_name(f"{path.name}.whole")
    module.save(str(whole))
    _copy_without_source_paths(whole, path)
    whole.unlink()


def _wrapper_of(graph: Graph, pieces: list[str]) -> tuple[tuple[str, ...], type[_Scripted]]:
    """Return the traced methods of a graph, and the scripted module around them."""
    if isinstance(graph, HeadGraph):
        return ("forward",), _TASK_WRAPPERS[graph.head.task]
    methods, wrapper = _WRAPPERS[type(graph)]
    return methods, _PIECE_WRAPPERS[wrapper] if has_word_pieces(pieces) else wrapper


_TASK_WRAPPERS = {CLASSIFICATION: _WithLabel, FRAMES: _WithFrames, EMBEDDING: _WithEmbedding}

# Traced methods of each graph, and the scripted module around them
_WRAPPERS = {
    RecognizerGraph: (("forward",), _WithTranscript),
    FeatureGraph: (("extract_features",), _WithFeatures),
    FeatureRecognizerGraph: (("forward", "extract_features"), _WithBoth),
}

_PIECE_WRAPPERS = {
    _WithTranscript: _WithPieces,
    _WithFeatures: _WithFeatures,
    _WithBoth: _WithPiecesAndFeatures,
}


def _check_device(graph: str) -> None:
    if tied := [line for line in graph.splitlines() if '="cpu"' in line or "<Tensor>" in line]:
        raise RuntimeError(f"the traced graph is tied to a device: {tied[0].strip()}")


def _copy_without_source_paths(archive: Path, target: Path) -> None:
    """Copy an archive without its debugging records: they hold paths of source files."""
    reader = torch._C.PyTorchFileReader(str(archive))
    writer = torch._C.PyTorchFileWriter(str(target))
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in _WRITER_RECORDS:
            data = reader.get_record(name)
            writer.write_record(name, data, len(data))
    writer.write_end_of_file()
