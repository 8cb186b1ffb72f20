"""Signatures of packages: ours and the official command's, and every kind of change refused."""

import datetime
import json
import shutil
import subprocess
import sys

import pytest

import voxport
from support.command import YES, run
from voxport import loading
from voxport.errors import InputError, IntegrityError, PackageError, SignatureError
from voxport.package.find import SHIPPED
from voxport.package.manifest import SIGNATURE_NAME, write_document
from voxport.package.read_manifest import read_manifest
from voxport.signing import signature
from voxport.signing.signature import CertificateSigner, KeySigner, sign_package, verify_signature
from voxport.signing.trust import TrustedCertificate, TrustedIdentity, TrustedKey, as_trusted
from voxport.verification import verify as verification

pytest.importorskip("model_signing", reason='needs pip install "voxport[sign]"')
x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

PEM = serialization.Encoding.PEM
FILES = sorted(path.name for path in (SHIPPED / "commands").iterdir() if path.is_file())


def write_pair(folder, name, password=None):
    """Write a private key and its public one; return the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    sealed = serialization.NoEncryption()
    if password:
        sealed = serialization.BestAvailableEncryption(password.encode())
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, sealed)
    public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pem").write_bytes(private)
    (folder / f"{name}.pub").write_bytes(public)
    return key


def write_certificate(folder, name, key, issuer, issuer_key, is_root):
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    subject, above = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, one)]) for one in (name, issuer)
    )
    usage = x509.KeyUsage(True, False, False, False, False, is_root, is_root, False, False)
    found = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(usage, critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(found.public_bytes(PEM))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keys of Ann and Bob, and Ann's certificate under a root."""
    folder = tmp_path_factory.mktemp("keys")
    ann, root = write_pair(folder, "ann"), write_pair(folder, "root-key")
    write_pair(folder, "bob")
    write_pair(folder, "sealed", "secret")
    write_certificate(folder, "root", root, "root", root, is_root=True)
    write_certificate(folder, "ann", ann, "root", root, is_root=False)
    write_certificate(folder, "other", root, "other", root, is_root=True)
    return folder


@pytest.fixture(scope="module")
def signed_once(keys, tmp_path_factory):
    package = tmp_path_factory.mktemp("signed") / "package"
    package.mkdir()
    for name in FILES:
        shutil.copyfile(SHIPPED / "commands" / name, package / name)
    sign_package(package, KeySigner(keys / "ann.pem"))
    return package


@pytest.fixture
def signed(signed_once, tmp_path):
    return shutil.copytree(signed_once, tmp_path / "package")


@pytest.fixture
def nothing_is_opened(monkeypatch):
    """Fail where a manifest is parsed or an artifact opened."""

    def fail(*_, **__):
        raise AssertionError("something was opened before the signature was found right")

    monkeypatch.setattr(loading, "open_artifact", fail)
    monkeypatch.setattr(verification, "open_artifact", fail)
    monkeypatch.setattr(signature, "read_manifest", fail)


def official(*arguments):
    """Run the official command of OpenSSF model signing."""
    command = [sys.executable, "-m", "model_signing", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def flip_a_bit(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


def test_a_signed_package_transcribes_and_verifies(signed, keys):
    recognizer = voxport.load(signed, "cpu", trusted=keys / "ann.pub")
    assert recognizer.transcribe(YES).text == "YES"
    report = voxport.verify(signed, artifacts=["onnx"], trusted=[str(keys / "ann.pub")])
    assert report.ok
    assert report.unlisted == ()


def test_our_signature_verifies_with_the_official_command(signed, keys):
    place = (signed, "--signature", signed / SIGNATURE_NAME)
    done = official("verify", "key", *place, "--public_key", keys / "ann.pub")
    assert done.returncode == 0, done.stderr
    flip_a_bit(signed / "model.onnx")
    assert official("verify", "key", *place, "--public_key", keys / "ann.pub").returncode != 0


def test_the_official_command_s_signature_verifies_here(signed, keys):
    (signed / SIGNATURE_NAME).unlink()
    place = (signed, "--signature", signed / SIGNATURE_NAME)
    done = official("sign", "key", *place, "--private_key", keys / "bob.pem")
    assert done.returncode == 0, done.stderr
    found = verify_signature(signed, as_trusted([keys / "ann.pub", keys / "bob.pub"]))
    assert found.signer == TrustedKey(keys / "bob.pub")
    assert sorted(found.digests) == FILES


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, 0.999])
def test_one_flipped_bit_is_refused_by_name(signed, keys, name, place, nothing_is_opened):
    flip_a_bit(signed / name, place)
    with pytest.raises(SignatureError, match=rf"changed {name};"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")


def test_a_change_of_the_signed_content_or_of_the_signature_is_refused(
    signed, keys, nothing_is_opened
):
    whole = (signed / SIGNATURE_NAME).read_bytes()
    for part in (b'"payload":', b'"sig":', b'"hint":'):
        start = whole.index(part) + len(part) + 8
        for place in range(start, start + 60, 4):
            changed = bytearray(whole)
            changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
            (signed / SIGNATURE_NAME).write_bytes(changed)
            with pytest.raises(SignatureError):
                voxport.load(signed, "cpu", trusted=keys / "ann.pub")


@pytest.mark.parametrize("name", ["more.txt", ".hidden", ".gitattributes", "in/deep.bin"])
def test_an_added_file_is_refused_by_name(signed, keys, name, nothing_is_opened):
    (signed / name).parent.mkdir(exist_ok=True)
    (signed / name).touch()
    with pytest.raises(SignatureError, match=f"added {name};"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")
    with pytest.raises(SignatureError, match=f"added {name};"):
        voxport.verify(signed, trusted=keys / "ann.pub")


def test_a_missing_file_is_refused_by_name(signed, keys, nothing_is_opened):
    (signed / "model.int8.onnx").unlink()
    with pytest.raises(SignatureError, match=r"missing model\.int8\.onnx;"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")


def test_a_swapped_manifest_is_refused(signed, keys, nothing_is_opened):
    """It is whole by its own hash."""
    path = signed / "manifest.json"
    document = json.loads(path.read_bytes())
    document["model"]["licence"] = "MIT"
    path.write_text(write_document(document), encoding="utf-8")
    read_manifest(signed)
    with pytest.raises(SignatureError, match=r"changed manifest\.json;"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")


def test_a_manifest_swapped_after_the_check_is_refused(signed, keys, monkeypatch):
    check = signature.verify_signature

    def swap(folder, trusted):
        found = check(folder, trusted)
        path = folder / "manifest.json"
        path.write_bytes(path.read_bytes() + b"\n")
        return found

    monkeypatch.setattr(signature, "verify_signature", swap)
    with pytest.raises(IntegrityError, match="changed after its signature was checked"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")


def test_a_signature_that_leaves_files_out_is_refused(signed, keys, nothing_is_opened):
    (signed / SIGNATURE_NAME).unlink()
    place = (signed, "--signature", signed / SIGNATURE_NAME)
    done = official(
        "sign", "key", *place, "--private_key", keys / "ann.pem",
        "--ignore-paths", signed / "model.onnx",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with pytest.raises(SignatureError, match=r"added model\.onnx;"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")


def test_another_s_signature_is_refused(signed, keys, nothing_is_opened):
    with pytest.raises(SignatureError, match=r"is signed by nobody trusted \(.*bob\.pub: "):
        voxport.load(signed, "cpu", trusted=keys / "bob.pub")


def test_an_unsigned_package_is_refused(keys):
    with pytest.raises(SignatureError, match=r"is not signed: there is no model\.sig"):
        voxport.load("commands", "cpu", trusted=keys / "ann.pub")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"dsseEnvelope": {}}'])
def test_a_signature_that_is_none_is_refused(signed, keys, content):
    (signed / SIGNATURE_NAME).write_bytes(content)
    with pytest.raises(SignatureError, match="signed by nobody trusted"):
        voxport.load(signed, "cpu", trusted=keys / "ann.pub")


@pytest.mark.parametrize("load", [voxport.load_features, voxport.load_classifier])
def test_every_loader_checks_the_signature_first(signed, keys, load):
    with pytest.raises(PackageError, match="gives no"):  # the right signature, the wrong task
        load(signed, trusted=keys / "ann.pub")
    with pytest.raises(SignatureError):
        load(signed, trusted=keys / "bob.pub")


def test_a_certificate_under_a_trusted_root_is_trusted(signed, keys):
    sign_package(signed, CertificateSigner(keys / "ann.pem", keys / "ann.crt"))
    found = verify_signature(signed, as_trusted(keys / "root.crt"))
    assert found.signer == TrustedCertificate(keys / "root.crt")
    with pytest.raises(SignatureError, match="signed by nobody trusted"):
        verify_signature(signed, as_trusted([keys / "other.crt", keys / "ann.pub"]))
    flip_a_bit(signed / "README.md")
    with pytest.raises(SignatureError, match=r"changed README\.md;"):
        verify_signature(signed, as_trusted(keys / "root.crt"))


def test_what_the_manifest_does_not_describe_is_not_signed(signed, keys):
    (signed / "more.txt").touch()
    with pytest.raises(PackageError, match=r"holds more\.txt, which the manifest does not list"):
        sign_package(signed, KeySigner(keys / "ann.pem"))
    (signed / "more.txt").unlink()
    flip_a_bit(signed / "model.onnx")
    with pytest.raises(IntegrityError):
        sign_package(signed, KeySigner(keys / "ann.pem"))


def test_trusted_names_a_key_or_a_certificate(keys, tmp_path):
    (tmp_path / "text").write_text("hello", encoding="utf-8")
    for wrong, reason in [
        (keys / "ann.pem", "is a private key"),
        (tmp_path / "text", "expected a public key or a certificate"),
        (tmp_path / "missing", "cannot be read"),
        ([], "trusted is empty"),
        ([None], "must be a key's or certificate's file"),
    ]:
        with pytest.raises(InputError, match=reason):
            as_trusted(wrong)
    identity = TrustedIdentity("ann@example.org", "https://example.org")
    assert as_trusted([identity, keys / "ann.pub"]) == (identity, TrustedKey(keys / "ann.pub"))


def test_the_commands_sign_and_verify(signed, keys, monkeypatch):
    (signed / SIGNATURE_NAME).unlink()
    done = run("sign", signed, "--private-key", keys / "ann.pem")
    assert (done.exit_code, done.stdout.strip()) == (0, str(signed / SIGNATURE_NAME))
    done = run("verify", signed, "--key", keys / "ann.pub", "--artifact", "onnx")
    assert done.exit_code == 0, done.output
    assert "signed by somebody trusted" in done.stdout
    done = run("verify", signed, "--key", keys / "bob.pub")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "signed by nobody trusted" in done.stderr
    monkeypatch.setenv("VOXPORT_KEY_PASSWORD", "secret")
    assert run("sign", signed, "--private-key", keys / "sealed.pem").exit_code == 0
    monkeypatch.setenv("VOXPORT_KEY_PASSWORD", "wrong")
    before = (signed / SIGNATURE_NAME).read_bytes()
    done = run("sign", signed, "--private-key", keys / "sealed.pem")
    assert done.exit_code == 1
    assert "cannot sign" in done.stderr
    assert (signed / SIGNATURE_NAME).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sign", "commands"], "give --private-key FILE or --sigstore"),
        (["sign", "commands", "--sigstore", "--chain", "a"], "need --private-key"),
        (["sign", "commands", "--private-key", "a", "--chain", "b"], "--chain needs"),
        (["verify", "commands", "--identity", "ann@example.org"], "belong together"),
        (["verify", "commands", "--trust-config", "a"], "--trust-config needs --identity"),
    ],
)
def test_wrong_usage_is_told(arguments, reason):
    done = run(*arguments)
    assert done.exit_code == 2
    assert reason in done.stderr


def test_a_file_of_another_kind_is_wrong_usage(keys):
    done = run("verify", "commands", "--key", keys / "ann.crt")
    assert done.exit_code == 2
    assert "--key expects a public key" in done.stderr
