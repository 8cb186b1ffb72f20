"""The pickled state of a TorchScript archive, compared with what the exporter writes.

torch's own reader believes what a pickle says: a tensor may reach beyond its storage, and an object
may be of another class than the code declares, and both are then read outside of their memory. So
the pickle may use only the exporter's instructions and names, each tensor must lie within its
record, and each attribute must be of its declared type. Runs no name of the pickle. Knows neither
torch nor the archive.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from voxport.backends.torchscript_code import ForeignError, require_own_name

# Of protocol 2, as torch writes it.
_WRITTEN = """
    PROTO GLOBAL BINPUT LONG_BINPUT BINGET LONG_BINGET MARK TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_TUPLE
    EMPTY_LIST EMPTY_DICT APPENDS SETITEMS NEWOBJ BUILD REDUCE BINPERSID BINUNICODE BININT BININT1
    BININT2 BINFLOAT NONE NEWTRUE NEWFALSE STOP
"""
_INSTRUCTIONS = frozenset(_WRITTEN.split())
_ITEM_BYTES = {"FloatStorage": 4, "DoubleStorage": 8, "LongStorage": 8}
_MAX_AXES = 8
_LIST_OF_TEXTS = "List[str]"


class _Inert:
    """A stand-in that a pickle cannot change."""

    def __setstate__(self, state: object) -> None:
        raise ForeignError("has a state that changes what is no module")


@dataclass(frozen=True)
class _Storage(_Inert):
    """A record of the archive, by its number of values."""

    values: int


class _Tensor(_Inert):
    """A tensor within its storage."""


@dataclass(frozen=True)
class _Tag(_Inert):
    """A type of storage, by its name."""

    name: str


@dataclass(frozen=True)
class _Function(_Inert):
    """A function that a pickle may call."""

    call: Callable[..., object]

    def __call__(self, *given: object) -> object:
        return self.call(*given)


class _Module:
    """An object of a class of the archive."""

    type_name: str
    fields: Mapping[str, str]
    state: dict[str, Any] | None

    def __setstate__(self, state: Any) -> None:
        if not _is_a(state, dict) or state.keys() != self.fields.keys():
            raise ForeignError(f"has other attributes than {self.type_name} declares")
        self.state = dict(state)
        self.check()

    def check(self) -> None:
        """Compare every attribute with the type that its class declares."""
        if self.state is None:
            raise ForeignError(f"has an object of {self.type_name} without its attributes")
        for name, kind in self.fields.items():
            if not _is_of(self.state[name], kind):
                raise ForeignError(f"has another value than {kind} in {self.type_name}.{name}")


def check_modules(
    content: bytes, records: Mapping[str, int], classes: Mapping[str, Mapping[str, str]]
) -> None:
    """Check ``data.pkl``: one tree of modules.

    ``records``: the bytes of each tensor's record; ``classes``: attributes and types by class.
    """
    reader = _Reader(content, records, classes)
    root = reader.read()
    if not isinstance(root, _Module):
        raise ForeignError("has a state that is no module")
    for module in reader.modules:  # once more: lists can grow after an object took them
        module.check()


def check_constants(content: bytes, records: Mapping[str, int]) -> None:
    """Check ``constants.pkl``: a tuple of tensors."""
    values = _Reader(content, records, {}).read()
    if not _is_a(values, tuple) or not all(isinstance(value, _Tensor) for value in values):
        raise ForeignError("has constants that are no tensors")


class _Reader(pickle.Unpickler):
    """Python's own reader of pickles, with stand-ins for all that a pickle may name."""

    def __init__(
        self, content: bytes, records: Mapping[str, int], classes: Mapping[str, Mapping[str, str]]
    ) -> None:
        super().__init__(io.BytesIO(content), fix_imports=False)
        self.modules: list[_Module] = []
        self._content = content
        self._records = records
        self._classes = classes

    def read(self) -> Any:
        """Return the stand-in of what the pickle describes."""
        try:
            self._check_instructions()
            return self.load()
        except ForeignError:
            raise
        except Exception as error:  # a pickle can make any of them
            raise ForeignError(f"has a state that cannot be read: {error}") from error

    def _check_instructions(self) -> None:
        """Refuse instructions that the exporter does not write, and a name for a bare object.

        torch's reader makes an object at BUILD; until then a number lies in its place.
        """
        end, before = 0, ""
        for instruction, argument, place in pickletools.genops(self._content):
            if instruction.name not in _INSTRUCTIONS or (
                instruction.name == "PROTO" and (place or argument != 2)
            ):
                raise ForeignError(f"has a state with the instruction {instruction.name}")
            if before == "NEWOBJ" and "PUT" in instruction.name:
                raise ForeignError("has a state that names an object before it is made")
            end, before = place or 0, instruction.name
        if end + 1 != len(self._content):
            raise ForeignError("has a state with something behind its end")

    def find_class(self, module_name: str, global_name: str) -> Any:
        name = f"{module_name}.{global_name}"
        if name == "collections.OrderedDict":
            return _Function(_no_hooks)
        if name == "torch._utils._rebuild_tensor_v2":
            return _Function(_rebuild_tensor)
        if name == "torch.jit._pickle.restore_type_tag":
            return _Function(_restore_texts)
        if module_name == "torch" and global_name in _ITEM_BYTES:
            return _Tag(global_name)
        if name.startswith("__torch__.") and name in self._classes:
            require_own_name(name)
            return self._stand_in(name)
        raise ForeignError(f"has a state that names {name[:80]!r}, which the exporter does not")

    def _stand_in(self, name: str) -> type[_Module]:
        modules = self.modules

        class StandIn(_Module):
            type_name = name
            fields = self._classes[name]

            def __new__(cls, *given: object) -> "StandIn":
                if given:
                    raise ForeignError(f"makes an object of {name} in another way")
                made = super().__new__(cls)
                made.state = None
                modules.append(made)
                return made

        return StandIn

    def persistent_load(self, pid: Any) -> _Storage:
        if not _is_a(pid, tuple) or len(pid) != 5:
            raise ForeignError("has a storage that cannot be read")
        word, kind, record, device, values = pid
        if word != "storage" or not isinstance(kind, _Tag) or device != "cpu":
            raise ForeignError("has a storage of another kind")
        if not _is_count(values) or not _is_a(record, str) or record not in self._records:
            raise ForeignError("has a storage without a record")
        if values * _ITEM_BYTES[kind.name] > self._records[record]:
            raise ForeignError(f"has a storage that reaches beyond its record {record}")
        return _Storage(values)


def _no_hooks(*given: object) -> tuple[()]:
    if given:
        raise ForeignError("has tensors with hooks")
    return ()


def _restore_texts(values: Any, kind: object) -> Any:
    if kind != _LIST_OF_TEXTS or not _is_of(values, _LIST_OF_TEXTS):
        raise ForeignError("has a list of another type than of texts")
    return values


def _rebuild_tensor(*given: Any) -> _Tensor:
    if len(given) != 6:
        raise ForeignError("has a tensor that cannot be read")
    storage, offset, shape, strides, has_gradient, hooks = given
    if not isinstance(storage, _Storage) or not _is_count(offset):
        raise ForeignError("has a tensor that cannot be read")
    if not _is_a(has_gradient, bool) or hooks != ():
        raise ForeignError("has a tensor that cannot be read")
    if not _is_a(shape, tuple) or not _is_a(strides, tuple):
        raise ForeignError("has a tensor without a shape")
    if len(shape) != len(strides) or len(shape) > _MAX_AXES:
        raise ForeignError("has a tensor with another shape than strides")
    if not all(map(_is_count, shape + strides)):
        raise ForeignError("has a tensor with a negative shape or stride")
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    values = math.prod(shape)
    if values > storage.values or (values and last >= storage.values):
        raise ForeignError("has a tensor that reaches beyond its storage")
    return _Tensor()


def _is_count(value: Any) -> bool:
    return _is_a(value, int) and value >= 0


def _is_a(value: Any, kind: type) -> bool:
    """Return True of a value of exactly this type: True is no int."""
    return type(value) is kind


def _is_of(value: Any, kind: str) -> bool:
    if match := re.fullmatch(r"Optional\[(\w+)\]", kind):
        return value is None or _is_of(value, match[1])
    if kind == _LIST_OF_TEXTS:
        return _is_a(value, list) and all(_is_a(item, str) for item in value)
    if kind == "Tensor":
        return isinstance(value, _Tensor)
    if isinstance(value, _Module):
        return value.type_name == kind
    plain = {"bool": bool, "int": int, "float": float, "str": str, "NoneType": type(None)}
    return kind in plain and type(value) is plain[kind]
