"""Options shared by several subcommands."""

import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, TypeAlias, cast

import typer

from voxport.cli.package_argument import ENVIRONMENT
from voxport.cli.terminal import Messages
from voxport.machine.threads import MOST_THREADS
from voxport.package.manifest import KINDS

# Callbacks take and return ``Any``: typer hands their annotations to ``issubclass``, and on Python
# 3.10 ``list[str]`` passes for a class there, which ends every call with a traceback.


def one_of(names: Collection[str]) -> Callable[[Any], Any]:
    """Return a callback to refuse every value but these; ``None`` and lists of them pass."""

    def check(value: Any) -> Any:
        items = cast("list[Any]", value) if isinstance(value, (list, tuple)) else [value]
        for item in items:
            if item is not None and item not in names:
                raise typer.BadParameter(f"{item!r} is not one of {', '.join(names)}")
        return cast("Any", value)

    return check


each_of = one_of


def complete_from(names: Collection[str]) -> Callable[[str], list[str]]:
    """Return a shell completion of these names."""

    def complete(incomplete: str) -> Any:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def not_empty(value: Any) -> Any:
    """Refuse the empty string: pathlib takes it for the current folder."""
    if value == "":
        raise typer.BadParameter("the name is empty")
    return value


def finite(value: Any) -> Any:
    """Refuse inf and nan, floats too."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


def recordings(audio: Collection[Path]) -> list[Path]:
    """List the audio files of FILE_OR_DIR; folders are searched."""
    from voxport.audio.files import audio_files

    found = [file for path in audio for file in audio_files(path)]
    if audio and not found:
        raise typer.BadParameter(f"no audio files in {', '.join(map(str, audio))}")
    return found


_OTHER_NAMES = {
    "gpu": "cuda",
    "nvidia": "cuda",
    "trt": "tensorrt",
    "vino": "openvino",
    "ov": "openvino",
    "dml": "directml",
    "mps": "coreml",
    "metal": "coreml",
    "rocm": "migraphx",
}


def provider_name(value: Any) -> Any:
    """Refuse a wrong name as wrong usage; a known one may still not run here."""
    from voxport.backends.providers import full_name
    from voxport.errors import InputError

    try:
        full_name(value)
    except InputError as error:
        name = str(value).lower().partition(":")[0]  # cuda:0
        known = name if name in ("cpu", "cuda") else _OTHER_NAMES.get(name)
        hint = f"; did you mean {known}?" if known else ""
        raise typer.BadParameter(f"{error}{hint}") from None
    return value


def _complete_package(incomplete: str) -> Any:
    from voxport.package.find import shipped_models

    folders = (path for path in Path().glob(f"{incomplete}*") if path.is_dir())
    return [*(name for name in shipped_models() if name.startswith(incomplete)), *map(str, folders)]


def _warn_of_missing_limits(is_isolated: bool) -> bool:
    from voxport.backends.isolation import missing_limits

    if is_isolated and (missing := missing_limits()):
        Messages().warn(missing)
    return is_isolated


MODEL_PANEL = "Model"
OUTPUT_PANEL = "Output"

Package: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="PACKAGE",
        callback=not_empty,
        help="A folder that `voxport export` wrote, a model.onnx in one, the name of a shipped "
        "model (commands), that of a torchaudio bundle (WAV2VEC2_ASR_BASE_960H), exported when "
        "it is first used, or a package on the Hugging Face Hub (owner/name, owner/name@revision; "
        f"hf:owner/name where a folder has that name). The variable {ENVIRONMENT} names one for "
        "every call.",
        envvar=ENVIRONMENT,
        show_envvar=False,
        show_default=False,
        autocompletion=_complete_package,
    ),
]
Provider: TypeAlias = Annotated[
    str,
    typer.Option(
        "--provider",
        "-p",
        metavar="NAME",
        callback=provider_name,
        help="Where to run: auto (CUDA if it works here, else the CPU), cpu, cuda, tensorrt, "
        "openvino … One that is named and not there is an error.",
        rich_help_panel=MODEL_PANEL,
        autocompletion=complete_from(("auto", "cpu", "cuda", "tensorrt", "openvino")),
    ),
]
Artifact: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar=f"[{'|'.join(KINDS)}]",
        callback=one_of(KINDS),
        help="The artifact of the package to run. TorchScript is a program: one from a stranger "
        "can read and write your files. Unnamed, it runs only if it holds nothing but what the "
        "exporter writes; name it only for packages of people you trust.",
        show_default="onnx if there",
        rich_help_panel=MODEL_PANEL,
        autocompletion=complete_from(KINDS),
    ),
]
Precision: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="fp32, or another that the package has: int8, fp16.",
        show_default="fp32",
        rich_help_panel=MODEL_PANEL,
        autocompletion=complete_from(("fp32", "int8", "fp16")),
    ),
]
Artifacts: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--artifact",
        metavar=f"[{'|'.join(KINDS)}]",
        callback=each_of(KINDS),
        help="These artifacts alone; a TorchScript file, which is a program, only where it is "
        "named.",
        show_default="all but programs",
        rich_help_panel=MODEL_PANEL,
        autocompletion=complete_from(KINDS),
    ),
]
Precisions: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--precision",
        metavar="NAME",
        help="These precisions alone.",
        show_default="all",
        rich_help_panel=MODEL_PANEL,
    ),
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_THREADS,
        metavar="N",
        help="CPU threads.",
        show_default="the backend's own choice",
        rich_help_panel=MODEL_PANEL,
    ),
]
Isolate: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--isolate",
        callback=_warn_of_missing_limits,
        help="For packages whose author you do not know: run in a process of its own, with limits "
        "of time and memory.",
        rich_help_panel=MODEL_PANEL,
    ),
]
Language: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="CODE",
        callback=not_empty,
        help="The language of a package with several, as `voxport inspect` lists them: fra.",
        show_default="the package's default",
        rich_help_panel=MODEL_PANEL,
    ),
]
Quiet: TypeAlias = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print no progress, notes or warnings; errors remain."),
]
