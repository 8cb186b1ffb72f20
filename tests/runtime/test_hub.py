"""Packages by name: pushed, listed, pulled and loaded with the official client and a local Hub."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import voxport
from support import hub_server
from support.command import YES, process_arguments, run
from support.data import ROOT
from voxport import hub
from voxport.errors import HubError, IntegrityError, PackageError, PackageNotFoundError
from voxport.package import find, hub_cache, hub_card, hub_names
from voxport.package.find import find_package
from voxport.package.manifest import FILE_NAME
from voxport.package.read_manifest import read_manifest

huggingface_hub = pytest.importorskip("huggingface_hub", reason='needs pip install "voxport[hub]"')
constants = pytest.importorskip("huggingface_hub.constants")

# The client's own, on uploads
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

COMMANDS = find.SHIPPED / "commands"
NAME = "owner/commands"


@pytest.fixture(scope="module")
def server():
    with hub_server.running() as running:
        yield running


def use_endpoint(monkeypatch, url):
    """Set what the client takes from HF_ENDPOINT when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    files = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)


@pytest.fixture
def on_hub(server, tmp_path, monkeypatch):
    """An empty Hub, an empty cache and a token."""
    for state in (server.repositories, server.objects, server.break_after, server.tampered):
        state.clear()
    server.requests.clear()
    use_endpoint(monkeypatch, server.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    monkeypatch.chdir(tmp_path)
    return server


@pytest.fixture
def pushed(on_hub):
    """The shipped package on the Hub, put there without a client."""
    repository = on_hub.repositories[NAME] = hub_server.Repository()
    repository.commit({path.name: path.read_bytes() for path in COMMANDS.iterdir()})
    return on_hub


def environment(server, cache, **more):
    return {
        **os.environ,
        "HF_ENDPOINT": server.url,
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "runtime"), str(ROOT / "export")]),
        **more,
    }


# Push, with the official client on the other side


def test_what_is_pushed_is_listed_and_pulled_by_the_official_client(on_hub, tmp_path):
    before = {path.name: path.read_bytes() for path in COMMANDS.iterdir()}
    commit = hub.push("commands", NAME, licence="cc-by-sa-4.0")
    assert {path.name: path.read_bytes() for path in COMMANDS.iterdir()} == before
    api = huggingface_hub.HfApi()
    listed = api.list_repo_files(NAME)
    assert sorted(before) == sorted(set(listed) - {".gitattributes"})
    assert [model.id for model in api.list_models(author="owner")] == [NAME]
    assert api.model_info(NAME).sha == commit.commit
    folder = Path(huggingface_hub.snapshot_download(NAME, local_dir=tmp_path / "official"))
    assert (folder / "model.onnx").read_bytes() == before["model.onnx"]
    assert voxport.verify(folder).ok
    text = voxport.load(folder, threads=1).transcribe(YES).text
    assert text == voxport.load("commands", threads=1).transcribe(YES).text != ""


def test_the_card_has_the_metadata_of_the_hub(on_hub):
    hub.push("commands", NAME)
    data = huggingface_hub.ModelCard.load(NAME).data
    assert data.library_name == "voxport"
    assert data.pipeline_tag == "automatic-speech-recognition"
    assert data.license == "cc-by-sa-4.0"
    assert data.tags == ["voxport", "onnx", "fp32", "int8", "speech", "ctc"]


RESULTS = """---
tags: [mine]
model-index:
- name: commands
  results:
  - task: {type: automatic-speech-recognition}
    dataset: {type: held-out, name: held out}
    metrics: [{type: wer, value: 3.25}]
---

# A card
"""


def test_results_and_tags_in_a_card_are_kept_and_read_by_the_official_client():
    card = hub_card.add_metadata(RESULTS, read_manifest(COMMANDS))
    data = huggingface_hub.ModelCard(card).data
    assert [one.metric_value for one in data.eval_results] == [3.25]
    assert data.tags[:2] == ["mine", "voxport"]
    assert card.endswith("---\n\n# A card\n")
    assert hub_card.add_metadata(card, read_manifest(COMMANDS)) == card


def test_a_licence_that_the_hub_does_not_know_keeps_its_name():
    card = hub_card.add_metadata("# A card\n", read_manifest(COMMANDS), "Weights of Nobody 2.0")
    data = huggingface_hub.ModelCard(card).data
    assert (data.license, data.license_name) == ("other", "Weights of Nobody 2.0")


def test_a_push_removes_what_the_last_one_listed_and_nothing_else(pushed, tmp_path):
    repository = pushed.repositories[NAME]
    files = repository.commits[repository.resolve("main")]
    repository.commit({**files, "notes.txt": b"mine"})
    smaller = tmp_path / "smaller"
    shutil.copytree(COMMANDS, smaller)
    keep_one_artifact(smaller)
    hub.push(smaller, NAME)
    listed = huggingface_hub.HfApi().list_repo_files(NAME)
    assert "model.int8.onnx" not in listed
    assert {"notes.txt", "model.onnx"} <= set(listed)


def keep_one_artifact(folder):
    manifest = read_manifest(folder)
    kept = tuple(one for one in manifest.artifacts if one.precision == "fp32")
    names = [one.path for one in kept]
    text = replace(
        manifest,
        artifacts=kept,
        parity=tuple(one for one in manifest.parity if one.artifact in names),
        gates=(),
    ).to_json()
    (folder / FILE_NAME).write_text(text, encoding="utf-8", newline="\n")
    (folder / "model.int8.onnx").unlink()


def test_a_damaged_package_is_not_pushed(on_hub, tmp_path):
    package = tmp_path / "damaged"
    shutil.copytree(COMMANDS, package)
    (package / "model.onnx").write_bytes(b"other")
    with pytest.raises(IntegrityError, match=r"model.onnx"):
        hub.push(package, NAME)
    assert not on_hub.requests


def test_a_signed_package_is_pushed_byte_for_byte(on_hub, tmp_path):
    signed = tmp_path / "signed"
    shutil.copytree(COMMANDS, signed)
    (signed / "model.sig").write_text("{}")
    notes = []
    hub.push(signed, NAME, say=notes.append)
    repository = on_hub.repositories[NAME]
    sent = repository.commits[repository.resolve("main")]
    assert {path: sent[path] for path in sent if path != ".gitattributes"} == {
        path.name: path.read_bytes() for path in signed.iterdir()
    }
    assert len(notes) == 1


def test_a_signed_package_is_fetched_whole_before_it_is_trusted(on_hub, tmp_path):
    signature = pytest.importorskip("voxport.signing.signature")
    pytest.importorskip("model_signing", reason='needs pip install "voxport[sign]"')
    private, public = write_keys(tmp_path)
    signed = tmp_path / "signed"
    shutil.copytree(COMMANDS, signed)
    signature.sign_package(signed, signature.KeySigner(private))
    hub.push(signed, NAME)
    assert voxport.load(NAME, threads=1, trusted=public).transcribe(YES).text == "YES"
    hub.push("commands", "owner/unsigned")
    with pytest.raises(PackageError, match="is not signed"):
        voxport.load("owner/unsigned", trusted=public)


def write_keys(folder):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private, public = folder / "key", folder / "key.pub"
    private.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(pem, form))
    return private, public


def test_a_branch_is_made_and_loaded_by_its_name(pushed):
    hub.push("commands", f"{NAME}@trial")
    assert find_package(f"{NAME}@trial") != find_package(NAME)


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("owner/new", "", r"owner/new: .*hf auth login"),
        ("owner/new", "wrong", r"owner/new: .*hf auth login"),
        ("others/new", hub_server.TOKEN, r"others/new: the Hub refuses access \(403\): log in"),
        ("new", hub_server.TOKEN, r"'new' is no name on the Hub: expected owner/name"),
    ],
)
def test_a_push_without_the_right_to_it_is_explained(on_hub, monkeypatch, name, token, message):
    monkeypatch.setenv("HF_TOKEN", token)
    result = run("push", "commands", name)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert re.search(message, result.stderr)


# Load by name


def test_only_the_files_of_the_artifact_are_fetched(pushed):
    text = voxport.load(NAME, threads=1).transcribe(YES).text
    assert text == voxport.load("commands", threads=1).transcribe(YES).text
    assert pushed.downloads() == pushed.downloads()[:1]
    names = {path.name for path in find_package(NAME).iterdir()}
    assert names == {"manifest.json", "model.onnx"}
    voxport.load(NAME, precision="int8", threads=1)
    names = {path.name for path in find_package(NAME).iterdir()}
    assert names == {"manifest.json", "model.onnx", "model.int8.onnx"}


def test_a_revision_pins_what_is_loaded(pushed):
    repository = pushed.repositories[NAME]
    first = repository.resolve("main")
    repository.branches["v1"] = first
    repository.commit({"manifest.json": b"broken"})
    assert voxport.load(f"{NAME}@v1", threads=1).transcribe(YES).text == "YES"
    assert find_package(f"hf:{NAME}@{first}").name == first
    with pytest.raises(PackageError, match=r"manifest.json: not JSON"):
        voxport.load(NAME)


def test_a_folder_of_the_same_name_comes_first_unless_hf_is_spelled_out(pushed, tmp_path):
    shutil.copytree(COMMANDS, tmp_path / NAME)
    assert find_package(NAME) == Path(NAME)
    assert not pushed.requests
    assert find_package(f"hf:{NAME}").parent.name == "snapshots"


def test_a_missing_folder_beside_others_never_asks_the_hub(pushed, tmp_path):
    (tmp_path / "owner").mkdir()
    with pytest.raises(
        PackageNotFoundError, match=r"there is no such folder; .* hf:owner/commands"
    ):
        find_package(NAME)
    assert not pushed.requests


def test_a_package_uploaded_by_the_official_client_is_loaded(on_hub):
    api = huggingface_hub.HfApi()
    api.create_repo("owner/theirs")
    api.upload_folder(repo_id="owner/theirs", folder_path=COMMANDS)
    assert voxport.load("owner/theirs", threads=1).transcribe(YES).text == "YES"


def test_the_cache_is_shared_with_the_official_client_both_ways(pushed):
    official = huggingface_hub.snapshot_download(NAME)
    pushed.requests.clear()
    assert str(find_package(NAME)) == official
    voxport.load(NAME, threads=1)
    assert not pushed.downloads()
    assert huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE).repos


def test_verify_fetches_the_whole_package(pushed):
    result = run("verify", NAME)
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in find_package(NAME).iterdir()} == {
        path.name for path in COMMANDS.iterdir()
    }


def test_everything_works_offline_after_one_pull(pushed, tmp_path):
    with hub_server.running() as other:
        other.repositories = pushed.repositories
        cache = tmp_path / "pulled"
        online = environment(other, cache)
        done = subprocess.run(
            process_arguments("pull", NAME), env=online, capture_output=True, text=True, check=True
        )
        folder = Path(done.stdout.strip())
    assert (folder / "model.onnx").is_file()  # the server is gone from here on
    offline = environment(other, cache, HF_HUB_OFFLINE="1")
    command = process_arguments("transcribe", NAME, YES)
    text = subprocess.run(command, env=offline, capture_output=True, text=True, check=True).stdout
    assert text == "YES\n"
    command = process_arguments("transcribe", NAME, YES, "--precision", "int8")
    failed = subprocess.run(command, env=offline, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "model.int8.onnx is not in the cache" in failed.stderr
    assert "HF_HUB_OFFLINE" in failed.stderr


def test_an_interrupted_download_goes_on_where_it_was_cut(pushed, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 20)
    pushed.break_after["model.onnx"] = 5_000_000
    assert voxport.load(NAME, threads=1).transcribe(YES).text == "YES"
    (asked,) = pushed.ranges()
    assert 0 < int(asked.removeprefix("bytes=").rstrip("-")) <= 5_000_000


def test_a_file_that_is_fetched_already_is_not_fetched_again_after_a_kill(pushed):
    hub.pull(NAME)
    pushed.requests.clear()
    hub.pull(NAME, is_whole=True)
    assert not [path for path in pushed.downloads() if path.endswith("/model.onnx")]


# Other bytes than the manifest's


def test_a_file_tampered_with_on_the_hub_is_refused_before_it_is_opened(pushed):
    good = (COMMANDS / "model.onnx").read_bytes()
    pushed.tampered["model.onnx"] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(IntegrityError, match=r"model.onnx: .* pull hf:owner/commands@.* --force"):
        voxport.load(NAME)
    pushed.tampered.clear()
    with pytest.raises(IntegrityError):  # it is in the cache now
        voxport.load(NAME)
    hub.pull(NAME, is_forced=True)
    assert voxport.load(NAME, threads=1).transcribe(YES).text == "YES"


def test_a_changed_blob_in_the_cache_is_refused(pushed):
    folder = hub.pull(NAME)
    blob = (folder / "model.onnx").resolve()
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    result = run("transcribe", NAME, YES)
    assert result.exit_code == 1
    assert "not the file that the manifest records" in result.stderr


def test_a_link_of_a_stranger_in_the_cache_is_refused_by_its_hash(pushed, tmp_path):
    folder = hub.pull(NAME)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * (COMMANDS / "model.onnx").stat().st_size)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(secret)
    with pytest.raises(IntegrityError, match="not the file that the manifest records"):
        voxport.load(folder)


def test_a_fifo_in_the_cache_never_waits(pushed):
    folder = hub.pull(NAME)
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")
    with pytest.raises(PackageError, match="no regular file"):
        voxport.load(NAME)


def test_a_folder_that_only_looks_like_the_cache_fetches_nothing(pushed, tmp_path):
    folder = tmp_path / "elsewhere" / "models--owner--commands" / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    shutil.copy(COMMANDS / "manifest.json", folder)
    with pytest.raises(PackageNotFoundError, match="lists this file and it is missing"):
        voxport.load(folder)
    assert not pushed.requests


# What the Hub does not give


@pytest.mark.parametrize(
    ("name", "change", "kind", "message"),
    [
        ("owner/nothing", {}, PackageNotFoundError, "no such folder, and on the Hub: .*no such mo"),
        (f"hf:{NAME}@none", {}, PackageNotFoundError, "owner/commands@none: .*no revision 'none'"),
        (f"hf:{NAME}", {"is_private": True}, PackageNotFoundError, "private and not open to you"),
        (f"hf:{NAME}", {"is_gated": True}, HubError, r"gated: accept its conditions at http://"),
        ("hf:commands", {}, HubError, "'hf:commands' is no name on the Hub"),
    ],
)
def test_what_cannot_be_had_is_explained(pushed, monkeypatch, name, change, kind, message):
    monkeypatch.setenv("HF_TOKEN", "")
    for key, value in change.items():
        setattr(pushed.repositories[NAME], key, value)
    with pytest.raises(kind, match=message):
        voxport.load(name)
    result = run("transcribe", name, YES)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_repository_without_a_package_says_so(pushed):
    pushed.repositories[NAME].commit({"config.json": b"{}"})
    with pytest.raises(PackageNotFoundError, match=r"has no manifest.json; `voxport export`"):
        voxport.load(NAME)


def test_a_listed_file_that_the_repository_lacks_is_named(pushed):
    pushed.repositories[NAME].commit({FILE_NAME: (COMMANDS / FILE_NAME).read_bytes()})
    with pytest.raises(PackageNotFoundError, match=r"the manifest lists model.onnx"):
        voxport.load(NAME)


def test_no_network_is_explained(on_hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    use_endpoint(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"http://127.0.0.1:9 does not answer .*check the network"):
        voxport.load(f"hf:{NAME}")


def test_offline_without_a_pull_is_explained(pushed, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match=r"not in the cache .* HF_HUB_OFFLINE is set"):
        voxport.load(f"hf:{NAME}")
    assert not pushed.requests


def test_the_client_is_an_extra(on_hub, without):
    without("huggingface_hub")
    with pytest.raises(PackageNotFoundError, match=r'no such folder, and .*"voxport\[hub\]"'):
        find_package("owner/name")
    result = run("pull", "owner/name")
    assert result.exit_code == 1
    assert 'pip install "voxport[hub]"' in result.stderr


# Names and the command line


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("owner/name", hub_names.HubName("owner/name")),
        ("hf:owner/name@v1.0", hub_names.HubName("owner/name", "v1.0")),
        ("owner/name@refs/pr/4", hub_names.HubName("owner/name", "refs/pr/4")),
        ("o/wav2vec2-base.en", hub_names.HubName("o/wav2vec2-base.en")),
    ],
)
def test_names_of_the_hub(name, expected):
    assert hub_names.parse_hub_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "commands",
        "a/b/c",
        "./a/b",
        "/a/b",
        "a/",
        "a//b",
        "../b",
        "a/..",
        "a\\b",
        "a/b@",
        "a/b@c@d",
        "-a/b",
        "a/b--c",
        "~/b",
        "a/b c",
        "a/b.",
        f"a/{'b' * 96}",
    ],
)
def test_paths_are_no_names_of_the_hub(name):
    assert hub_names.parse_hub_name(name) is None


def test_pull_prints_the_folder_and_transcribe_takes_the_name(pushed, monkeypatch):
    result = run("pull", NAME, "--precision", "int8")
    assert result.exit_code == 0, result.stderr
    folder = Path(result.stdout.strip())
    assert {path.name for path in folder.iterdir()} == {"manifest.json", "model.int8.onnx"}
    assert run("transcribe", NAME, YES).stdout == "YES\n"
    assert run("inspect", f"hf:{NAME}").exit_code == 0
    monkeypatch.setenv("VOXPORT_PACKAGE", "nowhere")
    assert run("transcribe", NAME, YES).stdout == "YES\n"


def test_a_recording_in_a_folder_that_is_not_there_is_no_package(pushed):
    result = run("transcribe", "clips/yes.flac", "commands")
    assert result.exit_code == 2
    assert "the package comes first" in result.stderr


def test_json_of_the_manifest_is_that_of_the_hub(pushed):
    result = run("inspect", NAME, "--json")
    assert json.loads(result.stdout)["model"]["name"] == "commands"
    assert sys.version_info >= (3, 10)
    assert hub_cache.snapshot_name(find_package(NAME)).repository == NAME
