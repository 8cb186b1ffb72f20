"""``voxport sign``: a signature over every file of a package."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxport.cli.options import Package, Quiet
from voxport.cli.package_argument import choose_model
from voxport.cli.signers import TrustConfig
from voxport.cli.terminal import Messages

if TYPE_CHECKING:
    from voxport.signing.signature import Signer

PASSWORD_VARIABLE = "VOXPORT_KEY_PASSWORD"
TOKEN_VARIABLE = "SIGSTORE_ID_TOKEN"


def sign(
    package: Package,
    private_key: Annotated[
        Path | None,
        typer.Option(
            "--private-key",
            metavar="FILE",
            help="A private key on P-256, P-384 or P-521, as PEM. The variable "
            f"{PASSWORD_VARIABLE} holds the password of an encrypted one.",
            show_default=False,
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The certificate of the private key, as PEM; kept in the signature.",
            show_default=False,
        ),
    ] = None,
    chain: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="A certificate between that and the root; repeat for several.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    sigstore: Annotated[
        bool,
        typer.Option(
            "--sigstore",
            help="Sign with an identity instead of a key: that of the workflow, of the token in "
            f"{TOKEN_VARIABLE}, or by a browser. Needs a network; the identity becomes public.",
        ),
    ] = False,
    trust_config: TrustConfig = None,
    quiet: Quiet = False,
) -> None:
    """Sign every file of a package, in OpenSSF's format.

    \b
    Examples:
      voxport sign build/base960h --private-key key.pem
      voxport sign build/base960h --private-key key.pem --certificate ann.pem

    The signature is the file model.sig in the package; `voxport verify --key`, the command
    model_signing and voxport.load(…, trusted=…) check it. A damaged package, or one with a file
    that its manifest does not list, is not signed. Needs pip install "voxport[sign]".

    \b
    A new pair of keys:
      openssl ecparam -name prime256v1 -genkey -noout -out key.pem
      openssl ec -in key.pem -pubout -out key.pub
    """
    signer = _signer(private_key, certificate, chain, sigstore, trust_config)
    from voxport.package.find import find_package
    from voxport.signing.signature import sign_package

    messages = Messages(quiet)
    path = sign_package(find_package(choose_model(package, is_quiet=quiet).package), signer)
    messages.note("every file of the package is signed; any change needs a new signature")
    typer.echo(str(path))


def _signer(
    private_key: Path | None,
    certificate: Path | None,
    chain: list[Path],
    sigstore: bool,
    trust_config: Path | None,
) -> "Signer":
    from voxport.signing.signature import CertificateSigner, KeySigner, SigstoreSigner

    if sigstore == (private_key is not None):
        raise typer.BadParameter("give --private-key FILE or --sigstore, one of them")
    if trust_config is not None and not sigstore:
        raise typer.BadParameter("--trust-config needs --sigstore")
    if private_key is None:
        if certificate is not None or chain:
            raise typer.BadParameter("--certificate and --chain need --private-key")
        return SigstoreSigner(os.environ.get(TOKEN_VARIABLE), trust_config)
    if certificate is not None:
        return CertificateSigner(private_key, certificate, tuple(chain))
    if chain:
        raise typer.BadParameter("--chain needs --certificate")
    return KeySigner(private_key, os.environ.get(PASSWORD_VARIABLE))
