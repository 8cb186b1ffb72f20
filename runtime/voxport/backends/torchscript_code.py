"""The code of a TorchScript archive, compared with what the exporter writes.

TorchScript's own language can open files, so its code may use only the syntax, operators, methods
and classes that occur in exports. Each file is read as Python, of which it is a subset; texts that
the two could read differently (comments, continued lines, other quotes) are refused first. Fails
closed: a node that is not handled here is foreign. Knows neither the archive nor torch.
"""

import ast
import re
from collections.abc import Callable

# The operators of exports of every model family, with and without features, and of torchaudio's
# resampling. A test compares exports with it; an exporter that learns a new operator adds it here.
_WRITTEN = """
    __and__ __contains__ __is__ __isnot__ __not__ __or__ _convolution add append arange as_tensor
    bitwise_not cat ceil clamp clamp_ conv1d conv2d cos cumsum device div embedding eq exp expand
    expand_as flatten flip floor_divide floordiv format full_like gcd gelu glu i0 index index_select
    is_floating_point join layer_norm le len linear lt mT masked_fill matmul max minimum mul mul_ ne
    neg new_zeros nonzero ones_like pad permute pow reciprocal relu reshape rsqrt
    scaled_dot_product_attention scatter scatter_add select sigmoid silu sin size slice softmax
    split sqrt square squeeze stack sub sum tensor to transpose unbind unflatten unfold unsqueeze
    view warn where
"""
# Arithmetic that torch may choose instead, in another version or for another trace.
_EQUIVALENT = """
    abs chunk ge gt log log_softmax maximum mean min zeros zeros_like
"""
OPERATORS = frozenset(f"{_WRITTEN} {_EQUIVALENT}".split())
PRIMITIVES = frozenset(["NumToTensor", "RaiseException", "device", "dtype", "max", "min"])
# Attributes of the exporter's modules. None is the name of an operator that reads or writes.
_ATTRIBUTES = """
    _is_full_backward_hook adapter attention attention_conv attention_norm backbone beta bias
    blocks classifier const conv conv_norm convs decoder depthwise difference distance_keys
    distance_queries encoder energies expand extractor features feed_forward filters
    final_layer_norm first first_norm frequencies front_end gamma gate graph has_text head
    indices intermediate keys labels layer_norm layers linear_1 linear_2 mix norm normalize
    norms out output parts pieces pooling positions project projection projector queries
    recognizer relative residual_conv residual_norm sample_rate second second_norm spectrum
    stages stretch table tdnn training values weight
"""
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
PACKAGES = ("__torch__.voxport_export.", "__torch__.torch.nn.", "__torch__.torchaudio.functional.")
_METHOD = re.compile(r"(forward|extract_features)\d*")
_KEYWORDS = ("device", "dtype", "layout", "pin_memory", "scale")
_TYPES = ("Tensor", "int", "float", "bool", "str", "Device", "NoneType")
_GENERIC_TYPES = ("Optional", "List", "Tuple")
_UNCHECKED = ("int", "float")  # torch checks their tags when it uses them
_LANGUAGE = """
    torch ops CONSTANTS __torch__ annotate unchecked_cast uninitialized fork awaitable getattr
    hasattr print
"""
_RESERVED = frozenset(_LANGUAGE.split())

_MAX_FILE_BYTES = 1_000_000  # the largest of ``commands`` with features has 23 549
_TEXT = re.compile(r'"(?:[^"\\\n]|\\")*"')
_MARK = "\x01"  # in the place of a text
_OUTSIDE = frozenset(
    f"{_MARK}\n ()[]{{}},.:=>-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_ALIAS = re.compile(r"_\d+")


class ForeignError(ValueError):
    """Something that the exporter does not write; the message completes "model.ts: "."""


class Code:
    """The code files of an archive: what they define, and what they use of each other."""

    def __init__(self) -> None:
        self.classes: dict[str, dict[str, str]] = {}  # attribute: type
        self.functions: set[str] = set()
        self._used_classes: set[str] = set()
        self._used_functions: set[str] = set()

    def add(self, module: str, source: bytes) -> None:
        """Check a file; ``module`` is its dotted name, which begins with ``__torch__``."""
        require_own_name(f"{module}.")
        for statement in _parse(module, source):
            if isinstance(statement, ast.ClassDef):
                self._add_class(module, statement)
            elif isinstance(statement, ast.FunctionDef):
                self._define(f"{module}.{statement.name}")
                self.functions.add(f"{module}.{statement.name}")
                self._check_function(statement)
            else:
                raise _foreign_syntax(statement)

    def require_whole(self) -> None:
        """Refuse names that no file of the archive defines: torch may know them by itself."""
        missing = (self._used_classes - set(self.classes)) | (self._used_functions - self.functions)
        if missing:
            raise ForeignError(f"uses {min(missing)}, which it does not define")

    def _define(self, name: str) -> None:
        if name in self.classes or name in self.functions:
            raise ForeignError(f"defines {name} twice")

    def _add_class(self, module: str, node: ast.ClassDef) -> None:
        name = f"{module}.{node.name}"
        self._define(name)
        if (
            node.keywords
            or node.decorator_list
            or [ast.unparse(base) for base in node.bases] != ["Module"]
        ):
            raise ForeignError(f"defines {name}, which is no plain module")
        fields: dict[str, str] = {}
        self.classes[name] = fields
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef):
                if not _METHOD.fullmatch(statement.name):
                    raise _foreign("method", statement.name)
                own = [given.annotation for given in statement.args.args[:1] if given.annotation]
                if [ast.unparse(kind) for kind in own] != [name]:
                    raise ForeignError(f"defines a method for another class than {name}")
                self._check_function(statement)
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                if statement.value is not None:
                    raise _foreign_syntax(statement)
                self._add_field(fields, statement.target.id, statement.annotation)
            elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if isinstance(target, ast.Subscript):  # __annotations__["0"] = type
                    if not _is_name(target.value, "__annotations__"):
                        raise _foreign_syntax(target)
                    self._add_field(fields, _text(target.slice), statement.value)
                elif _is_name(target, "__parameters__") or _is_name(target, "__buffers__"):
                    if not isinstance(statement.value, ast.List):
                        raise _foreign_syntax(statement)
                    for item in statement.value.elts:
                        _text(item)
                else:
                    raise _foreign_syntax(statement)
            elif not isinstance(statement, ast.Pass):
                raise _foreign_syntax(statement)

    def _add_field(self, fields: dict[str, str], name: str, annotation: ast.expr) -> None:
        if not (name in ATTRIBUTES or _is_number(name)) or name in fields:
            raise _foreign("attribute", name)
        self._check_type(annotation)
        fields[name] = ast.unparse(annotation)

    def _check_type(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            if node.id not in _TYPES:
                raise _foreign("type", node.id)
        elif isinstance(node, ast.Subscript):
            if not (isinstance(node.value, ast.Name) and node.value.id in _GENERIC_TYPES):
                raise _foreign("type", ast.unparse(node))
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for part in parts:
                self._check_type(part)
        elif isinstance(node, ast.Attribute):
            self._used_classes.add(_own_name(node))
        else:
            raise _foreign_syntax(node)

    def _check_function(self, node: ast.FunctionDef) -> None:
        given = node.args
        if node.decorator_list or given.vararg or given.kwarg or given.kwonlyargs:
            raise _foreign_syntax(node)
        if given.posonlyargs or node.returns is None:
            raise _foreign_syntax(node)
        self._check_type(node.returns)
        for argument in given.args:
            if argument.annotation is None:
                raise _foreign_syntax(argument)
            self._check_type(argument.annotation)
        function = _Function(self._used_functions, self._check_type)
        for default in given.defaults:
            function.check(default)
        function.bind([argument.arg for argument in given.args])
        function.check_body(node.body)


class _Function:
    """A function's names, and the check of its statements and expressions."""

    def __init__(self, used_functions: set[str], check_type: Callable[[ast.expr], None]) -> None:
        self._used_functions = used_functions
        self._check_type = check_type
        self._bound: set[str] = set()
        self._aliases: set[str] = set()  # of functions of the archive, and of nothing else

    def bind(self, names: list[str]) -> None:
        for name in names:
            if name in _RESERVED or name.startswith("__"):
                raise _foreign("name", name)
        self._bound.update(names)

    def check_body(self, body: list[ast.stmt]) -> None:
        """Check the statements of a whole function."""
        values: set[str] = set()
        for node in [inner for statement in body for inner in ast.walk(statement)]:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                values.add(node.id)
            if isinstance(node, ast.Assign) and _is_alias(node):
                self._aliases.add(ast.unparse(node.targets[0]))
        for node in [inner for statement in body for inner in ast.walk(statement)]:
            if isinstance(node, ast.Assign) and not _is_alias(node):
                for target in node.targets:
                    for inner in ast.walk(target):
                        self._aliases.discard(getattr(inner, "id", ""))
            elif isinstance(node, ast.For):
                self._aliases.discard(getattr(node.target, "id", ""))
        self._aliases -= self._bound  # parameters
        self.bind(sorted(values))
        for statement in body:
            self._check_statement(statement)

    def _check_statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._check_target(node.targets[0])
            if _is_alias(node):
                self._used_functions.add(_own_name(node.value))
            else:
                self.check(node.value)
        elif (isinstance(node, ast.Return) and node.value is not None) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ):
            self.check(node.value)
        elif isinstance(node, ast.If):
            self.check(node.test)
            for statement in [*node.body, *node.orelse]:
                self._check_statement(statement)
        elif isinstance(node, ast.For) and not node.orelse and isinstance(node.target, ast.Name):
            self.check(node.iter)
            for statement in node.body:
                self._check_statement(statement)
        elif not isinstance(node, ast.Pass):
            raise _foreign_syntax(node)

    def _check_target(self, node: ast.expr) -> None:
        targets = node.elts if isinstance(node, ast.Tuple) else [node]
        if not all(isinstance(target, ast.Name) for target in targets):
            raise _foreign_syntax(node)

    def check(self, node: ast.expr) -> None:
        """Check an expression."""
        if isinstance(node, ast.Constant):
            if not isinstance(node.value, (bool, int, float, str, type(None))):
                raise _foreign_syntax(node)
        elif isinstance(node, ast.Name):
            if node.id not in self._bound:
                raise _foreign("name", node.id)
        elif isinstance(node, ast.Attribute):
            if _is_name(node.value, "CONSTANTS"):
                if not (node.attr[:1] == "c" and _is_number(node.attr[1:])):
                    raise _foreign("constant", node.attr)
                return
            if node.attr not in ATTRIBUTES:
                raise _foreign("attribute", node.attr)
            self.check(node.value)
        elif isinstance(node, ast.Subscript):
            self.check(node.value)
            self.check(node.slice)
        elif isinstance(node, (ast.List, ast.Tuple)):
            for item in node.elts:
                self.check(item)
        elif isinstance(node, ast.Dict):
            for item in [*node.keys, *node.values]:
                if item is None:
                    raise _foreign_syntax(node)
                self.check(item)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            self.check(node.operand)
        elif isinstance(node, ast.Call):
            self._check_call(node)
        else:
            raise _foreign_syntax(node)

    def _check_call(self, node: ast.Call) -> None:
        given = list(node.args)
        for keyword in node.keywords:
            if keyword.arg not in _KEYWORDS:
                raise _foreign("keyword", str(keyword.arg))
            self.check(keyword.value)
        if isinstance(node.func, ast.Name):
            given = self._check_plain_call(node.func.id, given)
        elif isinstance(node.func, ast.Attribute):
            self._check_dotted_call(node.func)
        else:
            raise _foreign_syntax(node.func)
        for item in given:
            self.check(item)

    def _check_plain_call(self, name: str, given: list[ast.expr]) -> list[ast.expr]:
        """Check a call of a name; return the arguments that are yet to be checked."""
        if name in ("annotate", "unchecked_cast", "getattr") and len(given) != 2:
            raise _foreign("call of", name)
        if name == "annotate":
            self._check_type(given[0])
            return given[1:]
        if name == "unchecked_cast":
            if not (isinstance(given[0], ast.Name) and given[0].id in _UNCHECKED):
                raise _foreign("cast to", ast.unparse(given[0]))
            return given[1:]
        if name == "getattr":  # of the modules "0", "1" … of a list
            if not _is_number(attribute := _text(given[1])):
                raise _foreign("attribute", attribute)
            return given[:1]
        if name in ("int", "range") and name not in self._bound:
            return given
        if not (name in self._aliases and _ALIAS.fullmatch(name)):
            raise _foreign("call of", name)
        return given

    def _check_dotted_call(self, function: ast.Attribute) -> None:
        name = function.attr
        if _is_name(function.value, "torch"):
            if name not in OPERATORS:
                raise _foreign("operator", f"torch.{name}")
        elif (space := _operator_space(function)) is not None:
            if space != "ops.prim" or name not in PRIMITIVES:
                raise _foreign("operator", f"{space}.{name}")
        elif _root(function) == "__torch__":
            self._used_functions.add(_own_name(function))
        elif _METHOD.fullmatch(name) or name == "tolist":
            self.check(function.value)
        else:
            raise _foreign("method", name)


def require_own_name(name: str) -> None:
    """Refuse a class or function of a Python package whose code exports do not hold."""
    if not name.startswith(PACKAGES) or not all(
        part.isidentifier() for part in name.strip(".").split(".")
    ):
        raise _foreign("module", name.strip("."))


def _parse(module: str, source: bytes) -> list[ast.stmt]:
    if len(source) > _MAX_FILE_BYTES:
        raise ForeignError(f"has {len(source)} bytes of code in {module}")
    text = source.decode("latin-1")
    outside = _TEXT.sub(_MARK, text)
    unusual = (set(outside) - _OUTSIDE) | {sign for sign in text if not " " <= sign <= "~"} - {"\n"}
    if unusual:
        raise ForeignError(f"has code with the character {min(unusual)!r}")
    if re.search(rf"[\w{_MARK}]{_MARK}", outside):  # b"…", """…"""
        raise ForeignError("has code with texts of another form")
    try:
        return ast.parse(text).body
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ForeignError(f"has code that cannot be read, in {module}: {error}") from error


def _own_name(node: ast.expr) -> str:
    """Return the dotted name of a class or function of the archive."""
    name = ast.unparse(node)
    if _root(node) != "__torch__":
        raise _foreign("name", name)
    require_own_name(name)
    return name


def _root(node: ast.expr) -> str | None:
    """Return the first name of a dotted name; None of other expressions."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _operator_space(function: ast.Attribute) -> str | None:
    """Return ``ops.aten`` of ``ops.aten.add``; None of other names."""
    if _root(function) not in ("ops", "torch", "CONSTANTS"):
        return None
    return ast.unparse(function.value)


def _is_alias(node: ast.Assign) -> bool:
    return (
        len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Attribute)
        and _root(node.value) == "__torch__"
    )


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_number(name: str) -> bool:
    return name.isdecimal() and name.isascii()


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise _foreign_syntax(node)


def _foreign(kind: str, name: str) -> ForeignError:
    return ForeignError(f"uses the {kind} {name[:80]!r}, which the exporter does not write")


def _foreign_syntax(node: ast.AST) -> ForeignError:
    return _foreign("syntax", type(node).__name__)
