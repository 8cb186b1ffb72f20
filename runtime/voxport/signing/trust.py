"""Trusted signers of packages: a public key, a root certificate, an identity of Sigstore."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from voxport.errors import InputError, accessing

_MAX_BYTES = 1 << 20
_KEY, _CERTIFICATE = b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class TrustedKey:
    """A public key on an elliptic curve, as PEM."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class TrustedCertificate:
    """A root certificate, as PEM: signers with a certificate under it are trusted."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class TrustedIdentity:
    """An identity that Sigstore vouches for; checked with Sigstore's public keys, from a network.

    Examples:
        >>> from voxport.signing.trust import TrustedIdentity
        >>> print(TrustedIdentity("ann@example.org", "https://accounts.google.com"))
        ann@example.org (https://accounts.google.com)
    """

    identity: str  # an address, or the address of a workflow
    issuer: str  # OpenID Connect provider: "https://github.com/login/oauth"
    trust_config: Path | None = None  # of another instance than Sigstore's public one

    def __str__(self) -> str:
        return f"{self.identity} ({self.issuer})"


Trust: TypeAlias = TrustedKey | TrustedCertificate | TrustedIdentity
_One: TypeAlias = str | os.PathLike[str] | Trust
TrustInput: TypeAlias = _One | Sequence[_One]


def as_trusted(trusted: TrustInput) -> tuple[Trust, ...]:
    """Return the trusted signers of an argument: one or several; a path is a key or certificate.

    Raises:
        InputError: a file is neither, or nobody is named: an empty list trusts no package.
    """
    several = isinstance(trusted, (list, tuple))
    given = cast("Sequence[Any]", trusted) if several else (trusted,)
    if not given:
        raise InputError("trusted is empty: name a key, a certificate or an identity")
    return tuple(map(_as_one, given))


def _as_one(one: Any) -> Trust:
    if isinstance(one, (TrustedKey, TrustedCertificate, TrustedIdentity)):
        return one
    if not isinstance(one, (str, os.PathLike)) or not os.fspath(cast("str", one)):
        raise InputError(f"trusted must be a key's or certificate's file, got {one!r}")
    path = Path(cast("str", one))
    with accessing(path, InputError), path.open("rb") as file:
        content = file.read(_MAX_BYTES)
    if _KEY in content:
        return TrustedKey(path)
    if _CERTIFICATE in content:
        return TrustedCertificate(path)
    if b"PRIVATE KEY-----" in content:
        raise InputError("is a private key: trust the public one (openssl ec -pubout)", path)
    raise InputError("expected a public key or a certificate, as PEM", path)
