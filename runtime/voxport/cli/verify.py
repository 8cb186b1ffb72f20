"""``voxport verify``: the report of ``voxport.verification.verify`` as a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxport.cli.options import Isolate, Language, Package, Provider, each_of, recordings
from voxport.cli.package_argument import choose_model
from voxport.cli.signers import (
    Certificates,
    Identity,
    Issuer,
    Keys,
    TrustConfig,
    trusted_signers,
)
from voxport.cli.terminal import Messages
from voxport.package.manifest import KINDS

if TYPE_CHECKING:
    from voxport.verification.comparison import Check
    from voxport.verification.verify import VerificationReport


def verify(
    package: Package,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Compare with a reference instead of the recorded answers: eager runs the model "
            'in torchaudio (pip install "voxport[export]").',
            show_default=False,
        ),
    ] = None,
    audio: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE_OR_DIR",
            help="With --against: recordings to compare on, instead of the package's golden "
            "clips; folders are searched. Repeat for several.",
            show_default=False,
        ),
    ] = None,
    artifact: Annotated[
        list[str],
        typer.Option(
            metavar=f"[{'|'.join(KINDS)}]",
            callback=each_of(KINDS),
            help="Kinds to run; repeat for both. A TorchScript file is a program that can read and "
            "write your files: unnamed, one that holds more than the exporter writes is left out. "
            "Name it only if you trust its author.",
            show_default="both",
        ),
    ] = [],  # noqa: B006
    key: Keys = [],  # noqa: B006
    certificate: Certificates = [],  # noqa: B006
    identity: Identity = None,
    issuer: Issuer = None,
    trust_config: TrustConfig = None,
    provider: Provider = "cpu",
    isolate: Isolate = False,
    language: Language = None,
) -> None:
    """Check that a package is whole and answers as it should.

    \b
    Examples:
      voxport verify commands
      voxport verify build/base960h --against eager --audio recordings/

    Every file is hashed again. Then the golden clips in the package go through each artifact
    runnable here: transcripts, tokens and their frames must be the recorded ones, and emissions
    may differ by rounding only; int8 and other low precisions must be as close as was measured at
    their export, and their texts within its limit and one edit (a few clips have few characters).
    Any other difference ends in exit code 1.

    With --key, --certificate or --identity the package must be signed by one of them (`voxport
    sign`), with every file as it was signed; nothing of it is opened before that is found.
    """
    signers = trusted_signers(key, certificate, identity, issuer, trust_config)
    if audio and against is None:
        raise typer.BadParameter("--audio needs --against, which knows the right answer for it")
    from voxport.verification.verify import verify as run

    folder = choose_model(package).package if signers is None else package
    report = run(
        folder,
        against,
        recordings(audio or []),
        provider,
        artifact or None,
        isolate,
        language,
        signers,
    )
    if signers is not None:
        typer.echo("signature: every file is as it was signed by somebody trusted")
    _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _print(report: "VerificationReport") -> None:
    messages = Messages()
    for message in report.damaged:
        messages.error(message)
    for name in report.unlisted:
        messages.warn(f"{name} is not listed in the manifest")
    whole = report.files - len(report.damaged)
    typer.echo(f"files: {whole} of {report.files} are as the manifest records")
    for artifact in dict.fromkeys(check.artifact for check in report.checks):
        _print_artifact(artifact, [item for item in report.checks if item.artifact == artifact])
    for skipped in report.skipped:
        typer.echo(f"{skipped.artifact}: skipped: {skipped.reason}")
    if report.ok:
        typer.echo("verified")
    elif report.skipped and not report.checks:
        reasons = "; ".join(dict.fromkeys(skipped.reason for skipped in report.skipped))
        messages.error(f"no artifact can run here: {reasons}")
    else:
        messages.error("the package does not verify")


def _print_artifact(artifact: str, checks: "list[Check]") -> None:
    recordings = [check for check in checks if check.what != "CER"]
    fine = sum(check.ok for check in recordings)
    how = "equal" if all(check.exact for check in checks) else "as close as was measured"
    typer.echo(f"{artifact}: {fine} of {len(recordings)} recordings {how}")
    width = min(40, max(len(check.recording) for check in checks))
    for check in checks:
        verdict = ("equal" if check.exact else "close") if check.ok else "DIFFERENT"
        name = f"{_shortened(check.recording, width):{width}}"
        typer.echo(f"  {name}  {verdict:9}  {_measured(check)}")
        if check.problem:
            Messages().error(f"{artifact}: {check.recording}: {check.problem}")


def _measured(check: "Check") -> str:
    if check.what == "CER":
        limit = f"limit {check.tolerance:.2%}: that of the export and one edit"
        return f"CER {check.difference:.2%} ({limit})"
    return f"{check.what} within {check.difference:.1e} (limit {check.tolerance:.1e})"


def _shortened(name: str, width: int) -> str:
    return name if len(name) <= width else f"…{name[1 - width :]}"
