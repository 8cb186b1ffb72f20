"""TorchScript files that run unnamed, and those that must not: programs of another author."""

import dataclasses
import io
import shutil
import struct
import zipfile

import pytest
from typer.testing import CliRunner

import voxport
from support import data
from voxport.backends import torchscript_inspection
from voxport.backends.torchscript_inspection import refusal_reason
from voxport.backends.torchscript_state import check_constants
from voxport.cli import app
from voxport.errors import ArtifactUnavailableError
from voxport.package.integrity import file_entry
from voxport.package.manifest import ONNX, TORCHSCRIPT
from voxport.package.read_manifest import read_manifest
from voxport.verification.verify import verify

torch = pytest.importorskip("torch")
MAIN = "code/__torch__/voxport_export/to_torchscript.py"
LINEAR = "code/__torch__/torch/nn/modules/linear.py"
# The first statement of ``forward`` of the module that callers see.
FIRST = "    sample_rate0 = self.sample_rate\n"
YES = data.SAMPLES / "yes.flac"


def members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def write(found: dict[str, bytes]) -> bytes:
    """Return an archive as torch writes it."""
    target = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(target)
    for name, content in found.items():
        if not name.startswith((".data/", "version")):  # the writer's own
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return target.getvalue()


def with_line(found: dict[str, bytes], line: str) -> bytes:
    """Return an archive with another first statement in ``forward``."""
    code = found[MAIN].decode()
    assert code.count(FIRST) >= 1
    return write({**found, MAIN: code.replace(FIRST, f"    {line}\n{FIRST}", 1).encode()})


def reason(content: bytes) -> str | None:
    return refusal_reason(io.BytesIO(content))


@pytest.fixture(scope="module")
def ours(exported):
    return members(exported / "model.ts")


@pytest.fixture
def alone(exported, tmp_path):
    """Return a function that writes a package of TorchScript only, with the given file."""

    def make(content: bytes, onnx: bool = False):
        folder = shutil.copytree(exported, tmp_path / "package")
        (folder / "model.ts").write_bytes(content)
        manifest = read_manifest(folder)
        kept = [
            dataclasses.replace(item, **vars(file_entry(folder / item.path)))
            for item in manifest.artifacts
            if onnx or item.kind != ONNX
        ]
        paths = [item.path for item in kept]
        parity = tuple(item for item in manifest.parity if item.artifact in paths)
        manifest = dataclasses.replace(manifest, artifacts=tuple(kept), parity=parity)
        (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        return folder

    return make


def test_exports_run_unnamed(exported, with_features, headless, ours):
    for folder in (exported, with_features, headless):
        with (folder / "model.ts").open("rb") as file:
            assert refusal_reason(file) is None
    assert reason(write(ours)) is None
    assert reason(with_line(ours, "_99 = torch.add(waveform, 1)")) is None


def test_a_package_of_torchscript_only_is_loaded_unnamed(exported, alone):
    folder = alone((exported / "model.ts").read_bytes())
    recognizer = voxport.load(folder, provider="cpu")
    assert recognizer.artifact.kind == TORCHSCRIPT
    named = voxport.load(exported, provider="cpu", artifact="torchscript")
    assert recognizer.transcribe(YES).text == named.transcribe(YES).text
    assert [check.artifact for check in verify(folder).checks] == ["model.ts"] * 2


def test_a_program_runs_only_where_it_is_named(ours, alone, tmp_path):
    mark = tmp_path / "mark"
    line = f'_99 = torch.sum(torch.from_file("{mark}", True, 100))\n'
    program = with_line(ours, f"{line}    waveform = torch.add(waveform, _99)")  # or it is left out
    folder = alone(program, onnx=True)
    report = verify(folder)
    assert [check.artifact for check in report.checks] == ["model.onnx"] * 2
    assert "model.ts: skipped: uses the operator 'torch.from_file', which the exporter does" in (
        CliRunner().invoke(app, ["verify", str(folder)]).stdout
    )
    assert "--artifact torchscript" in report.skipped[0].reason
    shutil.rmtree(folder)
    folder = alone(program)
    with pytest.raises(ArtifactUnavailableError, match=r"from_file.* runs only where it is named"):
        voxport.load(folder, provider="cpu")
    assert verify(folder).checks == ()
    result = CliRunner().invoke(app, ["transcribe", str(folder), str(YES)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "torch.from_file" in result.stderr
    assert not mark.exists()
    voxport.load(folder, provider="cpu", artifact="torchscript").transcribe(YES)
    assert mark.exists()  # so the refusals above prevented something


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('torch.save(waveform, "x")', "the operator 'torch.save'"),
        ('_99 = torch.load("x")', "the operator 'torch.load'"),
        ("_99 = torch.set_(waveform, lengths)", "the operator 'torch.set_'"),
        ("_99 = torch.as_strided(waveform, [9], [9])", "the operator 'torch.as_strided'"),
        ('_99 = ops.aten.from_file("x")', "the operator 'ops.aten.from_file'"),
        ("_99 = ops.mine.read(waveform)", "the operator 'ops.mine.read'"),
        ('ops.prim.Print("x")', "the operator 'ops.prim.Print'"),
        ("_99 = torch.cuda.synchronize()", "the operator 'torch.cuda.synchronize'"),
        ("_99 = torch.from_file", "the attribute 'from_file'"),
        ("_99 = torch", "the name 'torch'"),
        ("_99 = ops.prim", "the attribute 'prim'"),
        ('_99 = "x".from_file(True, 9)', "the method 'from_file'"),
        ('_99 = ("x").from_file', "the attribute 'from_file'"),
        ('_99 = getattr("x", "from_file")', "the attribute 'from_file'"),
        ('_99 = getattr("x", waveform)', "the syntax 'Name'"),
        ("_99 = waveform.set_data(lengths)", "the method 'set_data'"),
        ("_99 = waveform.norm()", "the method 'norm'"),
        ('print("x")', "the call of 'print'"),
        ("_99 = fork(waveform)", "the call of 'fork'"),
        ("_99 = print", "the name 'print'"),
        ("print = 1", "the name 'print'"),
        ("_99 = waveform\n    _98 = _99()", "the call of '_99'"),
        ("torch = waveform", "the name 'torch'"),
        ("_99 = uninitialized(Tensor)", "the call of 'uninitialized'"),
        ("_99 = unchecked_cast(Tensor, lengths)", "the cast to 'Tensor'"),
        ("_99 = __torch__.torch.classes.profiling.SourceRef", "the module '__torch__.torch.cl"),
        ("_99 = __torch__.torch.nn.functional.relu(waveform)", "uses __torch__.torch.nn.func"),
        ("_99 = torch.add(waveform, out=waveform)", "the keyword 'out'"),
        ("_99 = CONSTANTS.x", "the constant 'x'"),
        ("_99 = waveform - 1", "the syntax 'BinOp'"),
        ("_99 = lambda: 1", "the syntax 'Lambda'"),
        ("import os", "the syntax 'Import'"),
        ("while True:\n      pass", "the syntax 'While'"),
        ("self.graph = waveform", "the syntax 'Attribute'"),
        ("pass # x", "the character '#'"),
        ("pass\t", r"the character '\\t'"),
        ("pass\r", r"the character '\\r'"),
        ("_99 = 'x'", 'the character "\'"'),
        ("_99 = 1 \\\n    ", r"the character '\\\\'"),
        ("_99 = é", "the character"),
        ('_99 = b"x"', "with texts of another form"),
        ('_99 = """x"""', "with texts of another form"),
        ("_99 = (", "code that cannot be read"),
        ("_99 = " + "(" * 5000, "code that cannot be read"),
        ("_99 = 1j", "the syntax 'Constant'"),
    ],
)
def test_code_is_refused_for_anything_that_the_exporter_does_not_write(ours, line, found):
    assert found.replace("\\\\", "\\") in (reason(with_line(ours, line)) or "")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "  def forward",
            "  def __setstate__(self: Tensor, state: int) -> NoneType:\n"
            '    _0 = torch.from_file("x", True, 9)\n    return None\n  def forward',
            "the method '__setstate__'",
        ),
        ("  training : bool\n", "  training : bool\n  from_file : Tensor\n", "attribute 'from_"),
        ("(Module)", "(NamedTuple)", "is no plain module"),
        ("(self: __torch__", "(self: __torch__.torch.nn", "a method for another class than __tor"),
        ("  training : bool\n", "", "other attributes than __torch__"),
        ("  training : bool\n", "  training : Tensor\n", "another value than Tensor in __torch__"),
        ("  training : bool\n", "  training : Any\n", "the type 'Any'"),
        ("  training : bool\n", "  training : bool\n  weight : int\n", ""),
    ],
)
def test_classes_are_those_of_the_state(ours, old, new, found):
    code = ours[MAIN].decode()
    assert old in code
    refused = reason(write({**ours, MAIN: code.replace(old, new, 1).encode()}))
    assert refused is not None
    assert found in refused


def pickled(*instructions: bytes) -> bytes:
    return b"\x80\x02" + b"".join(instructions) + b"."


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (pickled(b"cos\nsystem\n", b"(X\x04\x00\x00\x00true", b"tR"), "names 'os.system'"),
        (pickled(b"cbuiltins\nexec\n", b"(X\x01\x00\x00\x001", b"tR"), "names 'builtins.exec'"),
        (
            pickled(b"c__torch__.torch.classes.profiling\nSourceRef\n", b")\x81}b"),
            "names '__torch__.torch.classes",
        ),
        (pickled(b"ccollections\nOrderedDict\n", b")R"), "a state that is no module"),
        (pickled(b"ccollections\nOrderedDict\n", b"}b"), "changes what is no module"),
        (pickled(b"ios\nsystem\n"), "the instruction INST"),
        (pickled(b"I1\n"), "the instruction INT"),
        (pickled(b"N") + b"more", "something behind its end"),
        (b"", "cannot be read"),
    ],
)
def test_a_state_names_nothing_but_what_the_exporter_does(ours, state, found):
    assert found in (reason(write({**ours, "data.pkl": state})) or "")


def constant(values=4, offset=0, shape=(4,), strides=(1,), record="0", kind=b"FloatStorage"):
    def numbers(row):
        return b"(" + b"".join(b"J" + struct.pack("<i", number) for number in row) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\n" + kind + b"\nX\x01\x00\x00\x00"
    storage += record.encode() + b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", values) + b"tQ"
    given = storage + b"J" + struct.pack("<i", offset) + numbers(shape) + numbers(strides)
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    return pickled(b"(ctorch._utils\n_rebuild_tensor_v2\n(" + given + hooks + b"tRt")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, None),
        ({"shape": (2, 2), "strides": (2, 1)}, None),
        ({"shape": (0,), "values": 0}, None),
        ({"shape": (5,)}, "a tensor that reaches beyond its storage"),
        ({"offset": 1}, "a tensor that reaches beyond its storage"),
        ({"strides": (2,)}, "a tensor that reaches beyond its storage"),
        ({"strides": (-1,)}, "a negative shape or stride"),
        ({"offset": -1}, "a tensor that cannot be read"),
        ({"shape": (2, 2)}, "another shape than strides"),
        ({"values": 5}, "a storage that reaches beyond its record"),
        ({"kind": b"LongStorage"}, "a storage that reaches beyond its record"),
        ({"record": "1"}, "a storage without a record"),
        ({"kind": b"QInt8Storage"}, "names 'torch.QInt8Storage'"),
    ],
)
def test_tensors_lie_within_their_records(changes, found):
    content = constant(**changes)
    if found is None:
        check_constants(content, {"0": 16})
        return
    with pytest.raises(ValueError, match=found):
        check_constants(content, {"0": 16})


def test_an_archive_is_plain(ours, monkeypatch):
    content = write(ours)
    assert "is no TorchScript archive" in reason(b"")
    assert "is no TorchScript archive" in reason(b"nonsense" * 100)
    assert "is no TorchScript archive" in reason(content[:-1])
    assert "can be read in two ways" in reason(b"more" + content)
    assert "the member 'model.json'" in reason(write({**ours, "model.json": b"{}"}))
    assert "the member 'code/x.py'" in reason(write({**ours, "code/x.py": b""}))
    shouted = {**ours, MAIN.replace("to_torchscript", "To_Torchscript"): b""}
    assert "twice" in reason(write(shouted))
    assert "its state is missing" in reason(write({"data.pkl": b""}))
    assert "another order of bytes" in reason(write({**ours, "byteorder": b"bigger"}))
    monkeypatch.setattr(torchscript_inspection, "_MAX_CODE_BYTES", 1000)
    assert "bytes of code: at most 1000" in reason(content)
    monkeypatch.setattr(torchscript_inspection, "_MAX_MEMBERS", 10)
    assert "members: at most 10" in reason(content)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_compressed_archive_is_refused(ours):
    """As torch itself saves it; the exporter stores, so no size is another than it says."""
    target = io.BytesIO()
    torch.jit.save(torch.jit.load(io.BytesIO(write(ours))), target)
    assert "compressed" in reason(target.getvalue())
