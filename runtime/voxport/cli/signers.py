"""Options that name trusted signers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from voxport.cli.options import not_empty

if TYPE_CHECKING:
    from voxport.signing.trust import Trust

SIGNATURE_PANEL = "Signature"

Keys: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--key",
        metavar="FILE",
        help="A trusted public key (PEM); repeat for several.",
        show_default=False,
        rich_help_panel=SIGNATURE_PANEL,
    ),
]
Certificates: TypeAlias = Annotated[
    list[Path],
    typer.Option(
        "--certificate",
        metavar="FILE",
        help="A trusted root certificate (PEM); repeat for several.",
        show_default=False,
        rich_help_panel=SIGNATURE_PANEL,
    ),
]
Identity: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=not_empty,
        help="A trusted identity, vouched for by Sigstore: an address of mail or of a workflow. "
        "Needs --issuer, and a network.",
        show_default=False,
        rich_help_panel=SIGNATURE_PANEL,
    ),
]
Issuer: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        callback=not_empty,
        help="The OpenID Connect provider of --identity.",
        show_default=False,
        rich_help_panel=SIGNATURE_PANEL,
    ),
]
TrustConfig: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keys of another Sigstore than the public one.",
        show_default=False,
        rich_help_panel=SIGNATURE_PANEL,
    ),
]


def trusted_signers(
    keys: list[Path],
    certificates: list[Path],
    identity: str | None,
    issuer: str | None,
    trust_config: Path | None,
) -> "tuple[Trust, ...] | None":
    """Return the signers that the options name, or None without one."""
    from voxport.signing.trust import (
        Trust,
        TrustedCertificate,
        TrustedIdentity,
        TrustedKey,
        as_trusted,
    )

    if (identity is None) != (issuer is None):
        raise typer.BadParameter("--identity and --issuer belong together")
    if trust_config is not None and identity is None:
        raise typer.BadParameter("--trust-config needs --identity")
    named: list[Trust] = []
    for files, kind, option in (
        (keys, TrustedKey, "--key expects a public key"),
        (certificates, TrustedCertificate, "--certificate expects a certificate"),
    ):
        for one in as_trusted(files) if files else ():
            if not isinstance(one, kind):
                raise typer.BadParameter(f"{option}, and {one} is another file")
            named.append(one)
    if identity is not None and issuer is not None:
        named.append(TrustedIdentity(identity, issuer, trust_config))
    return tuple(named) or None
