"""Signatures of whole packages in the format of OpenSSF model signing, and their checks.

The only module to know ``model_signing``. A signature is the file ``model.sig`` beside the
manifest; it holds the SHA-256 of every other file. Nothing of a package is opened before its
signature and all files under it are found right.
"""

import re
import sys
import tempfile
from ast import literal_eval
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from voxport.errors import InputError, OutputError, PackageError, SignatureError, accessing
from voxport.optional_import import import_optional
from voxport.package.hub_cache import snapshot_name
from voxport.package.hub_whole import fetch_whole
from voxport.package.integrity import check_file, open_regular
from voxport.package.manifest import FILE_NAME, SIGNATURE_NAME, Manifest
from voxport.package.read_manifest import read_manifest
from voxport.results.safe_file import replace_file
from voxport.signing.trust import Trust, TrustedCertificate, TrustedIdentity, TrustedKey

_INSTALL = 'pip install "voxport[sign]"'
_NEEDS = "signatures need model-signing"
_MAX_SIGNATURE_BYTES = 1 << 24
_MISMATCH = "Signature mismatch"
_CHANGED = re.compile(r"Hash mismatch for '(.*)': Expected 'Digest\(algorithm='(\w+)'", re.DOTALL)


@dataclass(frozen=True)
class KeySigner:
    """A private key on an elliptic curve (P-256, P-384, P-521), as PEM."""

    private_key: Path
    password: str | None = None  # of an encrypted key


@dataclass(frozen=True)
class CertificateSigner:
    """A private key with its certificate, and the certificates between that and the root."""

    private_key: Path
    certificate: Path
    chain: tuple[Path, ...] = ()


@dataclass(frozen=True)
class SigstoreSigner:
    """An identity of OpenID Connect, vouched for by Sigstore; needs a network."""

    identity_token: str | None = None  # None: from the workflow, else by a browser
    trust_config: Path | None = None  # of another instance than Sigstore's public one


Signer: TypeAlias = KeySigner | CertificateSigner | SigstoreSigner


@dataclass(frozen=True)
class SignedPackage:
    """A package whose signature and files are right."""

    signer: Trust  # the trusted one that signed it
    digests: Mapping[str, str]  # SHA-256 of every file but the signature

    @property
    def manifest_sha256(self) -> str:
        """SHA-256 of the signed manifest."""
        return self.digests[FILE_NAME]


def sign_package(folder: Path, signer: Signer) -> Path:
    """Sign every file of a package; an earlier signature is replaced.

    Args:
        folder: the package's.
        signer: the key, the certificate or the identity to sign with.

    Returns:
        The path of the signature.

    Raises:
        PackageError: a file is damaged, or one lies there that the manifest does not list.
        InputError: the key or certificate cannot be used.
        OutputError: the signature cannot be written.
    """
    library = import_optional("model_signing", _NEEDS, _INSTALL)
    if snapshot_name(folder) is not None:
        raise OutputError("is in the Hub's cache: copy the folder first, then sign it", folder)
    _require_whole(folder)
    config = library.signing.Config().set_hashing_config(_hashing(library))
    with tempfile.TemporaryDirectory(prefix="voxport-") as space:
        path = Path(space) / SIGNATURE_NAME
        try:
            _set_signer(config, signer).sign(folder, path)
        except Exception as error:
            subject = getattr(signer, "private_key", "Sigstore")
            raise InputError(f"cannot sign: {_reason(error)}", subject) from None
        content = path.read_bytes()
    with accessing(folder / SIGNATURE_NAME, OutputError, "cannot be written"):
        replace_file(folder / SIGNATURE_NAME, content)
    return folder / SIGNATURE_NAME


def verify_signature(folder: Path, trusted: Sequence[Trust]) -> SignedPackage:
    """Check that a package is signed by somebody trusted, and that every file is the signed one.

    Args:
        folder: the package's.
        trusted: the trusted signers; one of them must have signed.

    Returns:
        The signer, and the hashes of all files.

    Raises:
        SignatureError: it is not signed, or by somebody else, or a file differs, is missing or was
            added; the message names it.
        InputError: a trusted key or certificate cannot be used.
    """
    library = import_optional("model_signing", _NEEDS, _INSTALL)
    fetch_whole(folder)
    content = _read_signature(folder)
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="voxport-") as space:
        path = Path(space) / SIGNATURE_NAME
        path.write_bytes(content)  # what is checked is what was read
        for one in trusted:
            verifier = _set_verifier(library.verifying.Config(), one)
            files = _EveryFile(library)
            verifier.set_hashing_config(files)
            try:
                with redirect_stdout(sys.stderr):  # it warns of old signatures there
                    verifier.verify(folder, path)
            except Exception as error:
                if str(error).startswith(_MISMATCH):
                    raise SignatureError(_describe_mismatch(error), folder) from None
                reasons.append(f"{one}: {_reason(error)}")
                continue
            if FILE_NAME not in files.digests:
                raise SignatureError(f"is signed without {FILE_NAME}", folder)
            return SignedPackage(one, files.digests)
    raise SignatureError(f"is signed by nobody trusted ({'; '.join(reasons)})", folder)


def read_signed_manifest(folder: Path, trusted: Sequence[Trust]) -> Manifest:
    """Return the manifest of a package after checking its signature; arguments as above.

    The manifest names the hash of every file that is opened, so no file can be exchanged between
    the check and the use.
    """
    signed = verify_signature(folder, trusted)
    return read_manifest(folder, signed.manifest_sha256)


class _EveryFile:
    """Hashes of every file but the signature, whatever a signature says should be ignored."""

    def __init__(self, library: Any) -> None:
        self.digests: dict[str, str] = {}
        self._config = _hashing(library).set_allow_symlinks(True)

    def add_ignored_paths(self, **_: Any) -> None:
        """Ignore nothing more."""

    def hash(self, model_path: Path, **_: Any) -> Any:
        """Hash the files; the library compares them with the signed ones."""
        found = self._config.hash(model_path)
        self.digests = {
            one.identifier: one.digest.digest_hex for one in found.resource_descriptors()
        }
        return found


def _hashing(library: Any) -> Any:
    config = library.hashing.Config()
    return config.set_ignored_paths(paths=[Path(SIGNATURE_NAME)], ignore_git_paths=False)


def _set_signer(config: Any, signer: Signer) -> Any:
    if isinstance(signer, KeySigner):
        password = None if signer.password is None else signer.password.encode()
        return config.use_elliptic_key_signer(private_key=signer.private_key, password=password)
    if isinstance(signer, CertificateSigner):
        return config.use_certificate_signer(
            private_key=signer.private_key,
            signing_certificate=signer.certificate,
            # The library cannot read an empty chain
            certificate_chain=list(signer.chain or (signer.certificate,)),
        )
    return config.use_sigstore_signer(
        identity_token=signer.identity_token,
        use_ambient_credentials=True,
        trust_config=signer.trust_config,
    )


def _set_verifier(config: Any, one: Trust) -> Any:
    setters: dict[type[Any], Callable[[], Any]] = {
        TrustedKey: lambda: config.use_elliptic_key_verifier(public_key=_path(one)),
        TrustedCertificate: lambda: config.use_certificate_verifier(certificate_chain=[_path(one)]),
        TrustedIdentity: lambda: _set_identity(config, one),
    }
    try:
        return setters[type(one)]()
    except Exception as error:
        raise InputError(f"cannot be used to check a signature: {_reason(error)}", one) from None


def _set_identity(config: Any, one: Any) -> Any:
    return config.use_sigstore_verifier(
        identity=one.identity, oidc_issuer=one.issuer, trust_config=one.trust_config
    )


def _path(one: Any) -> Path:
    return one.path


def _read_signature(folder: Path) -> bytes:
    path = folder / SIGNATURE_NAME
    try:
        with open_regular(path) as file:
            content = file.read(_MAX_SIGNATURE_BYTES + 1)
    except FileNotFoundError:
        raise SignatureError(
            f"is not signed: there is no {SIGNATURE_NAME} in it, and only packages of trusted "
            "signers are opened",
            folder,
        ) from None
    except OSError as error:
        raise SignatureError(f"cannot be read: {error.strerror}", path) from None
    if len(content) > _MAX_SIGNATURE_BYTES:
        raise SignatureError("is larger than any signature", path)
    return content


def _require_whole(folder: Path) -> None:
    """Refuse to sign what the manifest does not describe."""
    manifest = read_manifest(folder)
    listed = {FILE_NAME, SIGNATURE_NAME}
    for entry in manifest.entries():
        check_file(folder, entry)
        listed.add(entry.path)
    with accessing(folder, PackageError):
        others = sorted(path.name for path in folder.iterdir() if path.name not in listed)
    if others:
        raise PackageError(
            f"holds {', '.join(others)}, which the manifest does not list: remove it, then sign",
            folder,
        )


def _describe_mismatch(error: Exception) -> str:
    """Name the files of the library's list of differences."""
    changed: list[str] = []
    others: list[str] = []
    for difference in literal_eval(str(error).removeprefix(f"{_MISMATCH}: ")):
        if found := _CHANGED.match(difference):
            changed.append(found[1])
            if found[2] != "sha256":
                return f"is signed by {found[2]}: expected SHA-256 of every file; sign it again"
        else:
            kind = "added" if difference.startswith("Extra") else "missing"
            _, _, names = difference.partition("': ")
            others.append(f"{kind} {names}")
    named = ([f"changed {', '.join(changed)}"] if changed else []) + others
    return f"its files are not the signed ones: {'; '.join(named)}; copy the package again"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:300] if text else type(error).__name__
