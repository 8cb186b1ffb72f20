"""Export of several languages of a checkpoint to one package.

Each language is exported as it would be alone, and compared with the eager model. Then the weights
that the graphs have in common go to one file, and every graph must answer as before, bit for bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from voxport.backends.contract import Backend
from voxport.backends.open import open_artifact
from voxport.errors import ManifestError
from voxport.package.integrity import file_entry
from voxport.package.manifest import (
    FILE_NAME,
    FP32,
    ONNX,
    Artifact,
    FileEntry,
    GoldenClip,
    LanguageInfo,
    Manifest,
)
from voxport.package.read_manifest import parse_manifest
from voxport.verification.golden_files import read_waveform
from voxport_export.errors import ExportError
from voxport_export.package.artifact import file_name
from voxport_export.package.card import write_card
from voxport_export.package.export import Options, ProgressStep, prepare_package
from voxport_export.package.staging import check_destination, staged
from voxport_export.sources.languages import default_language
from voxport_export.to_onnx.share_weights import SharedWeights, hash_weights

_SHARED = "shared.data"
_CARD = "README.md"


def export_languages(
    model: str,
    languages: Sequence[str],
    output: Path,
    options: Options,
    step: ProgressStep = lambda _: nullcontext(),
) -> Manifest:
    """Export several languages of ``model`` to one package in the folder ``output``.

    Args:
        model: a Hugging Face id or folder with an adapter and a vocabulary for each language.
        languages: at least two, as the checkpoint calls them.
        output: the package's folder; an earlier package there is replaced at the very end.
        options: recordings and limits, as for one language; ONNX in fp32 is written.
        step: called with a line of text at each long step; returns the context it runs in.

    Returns:
        The manifest as written.

    Raises:
        VoxportError: a language is not there, cannot be exported, or answers otherwise on shared
            weights; nothing is written then.
    """
    languages = list(dict.fromkeys(languages))
    check_destination(output)
    options = _check_options(options, languages)
    default = default_language(model)
    with staged(output) as folder:
        writer = _LanguageWriter(folder, step)
        for language in languages:
            scratch = folder / f".{language}"
            scratch.mkdir()
            single = prepare_package(f"{model}:{language}", options, step)
            writer.add(language, scratch, single.write(scratch).manifest)
        return _write_manifest(folder, writer.languages, writer.created_by, default)


def _check_options(options: Options, languages: Sequence[str]) -> Options:
    """Return the options of each language; refuse those that one file of weights cannot have."""
    if len(languages) < 2:
        raise ExportError(f"one package of several languages: expected two, got {languages}")
    if ONNX not in options.formats:
        raise ExportError(
            "TorchScript files cannot share weights: leave --format out or add onnx, or export "
            "one language"
        )
    if options.precisions != (FP32,) or options.features:
        raise ExportError(
            "a package of several languages has fp32 and no features: export one language with "
            "--precision or --features"
        )
    return replace(options, formats=(ONNX,), language_model=False)


class _LanguageWriter:
    """Languages as packages of their own, moved one by one into a package for all."""

    def __init__(self, folder: Path, step: ProgressStep) -> None:
        self._folder = folder
        self._step = step
        self._waiting: list[tuple[str, Path, Manifest]] = []  # the first, until there is a second
        self._shared: SharedWeights | None = None
        self._data: FileEntry | None = None
        self.languages: list[LanguageInfo] = []
        self.created_by: Mapping[str, str] = {}

    def add(self, language: str, scratch: Path, manifest: Manifest) -> None:
        """Move a language's package into the folder."""
        self._waiting.append((language, scratch, manifest))
        if self._shared is None:
            if len(self._waiting) < 2:
                return
            with self._step("Writing the weights that languages share"):
                self._share(self._waiting[0][1], self._waiting[1][1])
        for waiting in self._waiting:
            with self._step(f"Moving {waiting[0]} to shared weights and comparing it"):
                self.languages.append(self._move(*waiting))
        self._waiting = []

    def _share(self, first: Path, second: Path) -> None:
        name = file_name(ONNX)
        shared = hash_weights(first / name) & hash_weights(second / name)
        if not shared:
            raise ExportError("these languages share no weights: export each alone")
        self._shared = SharedWeights(first / name, shared, self._folder / _SHARED)
        self._data = file_entry(self._folder / _SHARED)

    def _move(self, language: str, scratch: Path, manifest: Manifest) -> LanguageInfo:
        assert self._shared is not None
        assert self._data is not None
        self.created_by = manifest.created_by
        single = manifest.artifacts[0]
        path = self._folder / f"model.{language}.onnx"
        self._shared.rewrite(scratch / single.path, path)
        artifact = replace(single, **vars(file_entry(path)), external_data=(self._data,))
        self._compare(language, scratch, manifest, artifact)
        golden = tuple(self._move_clip(language, scratch, clip) for clip in manifest.golden)
        parity = tuple(replace(one, artifact=path.name) for one in manifest.parity)
        shutil.rmtree(scratch)
        return LanguageInfo(
            language, manifest.model, (artifact,), parity, golden, manifest.blank_gate
        )

    def _compare(
        self, language: str, scratch: Path, manifest: Manifest, artifact: Artifact
    ) -> None:
        """Refuse a graph whose answers to the golden clips are not those from before, exactly."""
        before = open_artifact(scratch, manifest.artifacts[0], "cpu")
        after = open_artifact(self._folder, artifact, "cpu")
        for clip in manifest.golden:
            waveform = read_waveform(scratch, clip, manifest.model.sample_rate)
            if not np.array_equal(_emission(before, waveform), _emission(after, waveform)):
                raise ExportError(
                    f"{language}: on shared weights its graph answers {clip.path} otherwise"
                )

    def _move_clip(self, language: str, scratch: Path, clip: GoldenClip) -> GoldenClip:
        """Move a clip's answer; its recording is the same in every language."""
        recording = self._folder / clip.path
        if not recording.exists():
            (scratch / clip.path).rename(recording)
        stem = Path(clip.emission.path).stem
        emission = self._folder / f"{stem}.{language}.npy"
        (scratch / clip.emission.path).rename(emission)
        return replace(clip, emission=replace(clip.emission, path=emission.name))


def _emission(backend: Backend, waveform: np.ndarray) -> np.ndarray:
    output = backend.run(waveform[None], np.array([len(waveform)]), ("emission",))
    return np.asarray(output.emission)


def _write_manifest(
    folder: Path,
    languages: Sequence[LanguageInfo],
    created_by: Mapping[str, str],
    default: str | None,
) -> Manifest:
    """Write the card and the manifest; its own fields are those of the default language."""
    chosen = next((one for one in languages if one.language == default), None)
    first = chosen or languages[0]
    manifest = Manifest(
        created_by=created_by,
        model=first.model,
        artifacts=chosen.artifacts if chosen else (),
        parity=chosen.parity if chosen else (),
        golden=chosen.golden if chosen else (),
        blank_gate=chosen.blank_gate if chosen else None,
        languages=tuple(languages),
        default_language=chosen.language if chosen else None,
    )
    card = folder / _CARD
    every = replace(
        manifest,
        artifacts=tuple(artifact for one in languages for artifact in one.artifacts),
        parity=tuple(parity for one in languages for parity in one.parity),
    )
    card.write_text(write_card(every), encoding="utf-8")
    finished = replace(manifest, files=(file_entry(card),))
    text = finished.to_json()
    try:
        parse_manifest(text.encode())
    except ManifestError as error:
        raise ExportError(
            f"{len(languages)} languages make a manifest that cannot be read: {error}; export fewer"
        ) from error
    (folder / FILE_NAME).write_text(text, encoding="utf-8", newline="\n")
    return finished
