"""``voxport embed``: audio files to embeddings of their speakers, or to similarities."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxport.cli import transcribe_options as options
from voxport.cli.audio_argument import list_audio
from voxport.cli.options import (
    OUTPUT_PANEL,
    Artifact,
    Isolate,
    Package,
    Precision,
    Provider,
    Quiet,
    Threads,
)
from voxport.cli.package_argument import choose_model, split_package
from voxport.cli.task_run import LONGEST_SECONDS, LongestSeconds, print_each
from voxport.cli.terminal import Messages, printable
from voxport.inference.batches import BATCH_SECONDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def embed(
    package: Package,
    audio: options.Audio = None,
    recursive: options.Recursive = False,
    files_from: options.FilesFrom = None,
    similarity: Annotated[
        bool,
        typer.Option(
            "--similarity",
            help="Print the cosine similarity of each recording to the first, -1 to 1, in place of "
            "embeddings.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    artifact: Artifact = None,
    precision: Precision = None,
    provider: Provider = "auto",
    threads: Threads = None,
    isolate: Isolate = False,
    batch_seconds: options.BatchSeconds = BATCH_SECONDS,
    longest_seconds: LongestSeconds = LONGEST_SECONDS,
    quiet: Quiet = False,
) -> None:
    """Print an embedding of the speaker of each audio file.

    \b
    Examples:
      voxport embed build/speakers one.flac other.flac > embeddings.jsonl
      voxport embed build/speakers one.flac other.flac --similarity

    One JSON object a line: file and embedding, as the model gives it. PACKAGE is one whose model
    gives embeddings (`voxport export microsoft/wavlm-base-plus-sv -o build/speakers`). Two
    recordings of one speaker have a high cosine similarity; the threshold is the model's.
    """
    messages = Messages(quiet)
    package, given = split_package([package, *(audio or [])], "embed")
    names = list_audio(given, files_from, recursive)
    if similarity and len(names) < 2:
        raise typer.BadParameter("--similarity compares recordings: name two or more")
    model = choose_model(package, artifact, precision, quiet)

    from voxport.loading import load_speaker_encoder

    encoder = load_speaker_encoder(
        model.package,
        provider,
        model.artifact,
        model.precision,
        threads,
        batch_seconds=batch_seconds,
        longest_seconds=longest_seconds,
        isolate=isolate,
    )
    write = _Similarities().write if similarity else _write_embedding
    form = "txt" if similarity else "json"
    if not print_each(names, encoder.embed_each, write, form, messages):
        raise typer.Exit(1)


def _write_embedding(name: str, embedding: "NDArray[np.float32]") -> str:
    # Nine digits tell every float32 from the next.
    values: list[Any] = [float(f"{value:.9g}") for value in embedding]
    line = json.dumps({"file": name, "embedding": values}, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # a name's bytes that are no UTF-8
        line = json.dumps({"file": name, "embedding": values})
    return f"{line}\n"


class _Similarities:
    """Similarities to the first recording with an embedding."""

    def __init__(self) -> None:
        self._first: tuple[str, NDArray[np.float32]] | None = None

    def write(self, name: str, embedding: "NDArray[np.float32]") -> str:
        """Write the similarity of a recording; nothing for the first."""
        from voxport.tasks.speaker_encoder import cosine_similarity

        if self._first is None:
            self._first = (name, embedding)
            return ""
        first, reference = self._first
        found = cosine_similarity(reference, embedding)
        return f"{found:.4f}  {printable(first)}  {printable(name)}\n"
