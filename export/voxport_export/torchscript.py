"""Trace the graph to TorchScript, and give it the one thing a trace cannot hold: text."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from voxport_export.graph.recognizer import RecognizerGraph
from voxport_export.quiet import quiet_torchscript

# torch's archive writer adds these by itself.
_WRITTEN_BY_THE_WRITER = (".data/serialization_id", "version")


class _WithTranscript(nn.Module):
    """Add the transcript to a traced graph; scripted, because a trace has no strings."""

    def __init__(self, graph: torch.jit.ScriptModule, pieces: list[str]):
        super().__init__()
        self.graph = graph
        self.pieces = [*pieces, ""]  # token -1, the padding, finds the last

    def forward(
        self, waveform: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, list[str]]:
        emission, frames, tokens, counts, starts, ends, scores = self.graph(waveform, lengths)
        rows: list[list[int]] = tokens.tolist()
        transcripts: list[str] = []
        for row in rows:
            transcripts.append("".join([self.pieces[token] for token in row]))
        return emission, frames, tokens, counts, starts, ends, scores, transcripts


def export_torchscript(
    graph: RecognizerGraph, example: tuple[Tensor, Tensor], pieces: list[str], path: Path
) -> None:
    """Trace ``graph`` and save it with its decoder.

    Args:
        graph: in evaluation mode, on the CPU.
        example: a waveform [batch, samples] and lengths [batch] to trace with; other batch
            sizes and lengths work as well afterwards.
        pieces: what each label adds to a transcript.
        path: the file to write.

    Raises:
        RuntimeError: the trace holds a device, so it would run only where it was made.
    """
    with torch.no_grad(), quiet_torchscript():
        traced = cast("torch.jit.ScriptModule", torch.jit.trace(graph, example, check_trace=False))
    lines = str(traced.inlined_graph).splitlines()
    if tied := [line for line in lines if '="cpu"' in line or "<Tensor>" in line]:
        raise RuntimeError(f"the traced graph is tied to a device: {tied[0].strip()}")
    with quiet_torchscript():
        scripted = torch.jit.script(_WithTranscript(traced, pieces))
    whole = path.with_name(f"{path.name}.whole")
    scripted.save(str(whole))
    _copy_without_source_paths(whole, path)
    whole.unlink()


def _copy_without_source_paths(archive: Path, target: Path) -> None:
    """Leave out the debugging records: they hold the paths of this machine's source files."""
    reader = torch._C.PyTorchFileReader(str(archive))
    writer = torch._C.PyTorchFileWriter(str(target))
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in _WRITTEN_BY_THE_WRITER:
            data = reader.get_record(name)
            writer.write_record(name, data, len(data))
    writer.write_end_of_file()
