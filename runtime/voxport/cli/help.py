"""Help as plain text: options in named panels, whole in 80 columns, no type names of Python.

typer draws panels with rich alone, which takes longer to import than the whole command to answer.
"""

import re
from typing import Any

from typer.core import TyperCommand, TyperGroup

_OTHER = "Options"
_TYPE = re.compile(r" <[^<>]*>$")  # behind a name: "AUDIO <list[str]>"


class PlainCommand(TyperCommand):
    """A subcommand whose help prints its panels one after the other."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the usage line's parts: arguments as their metavars are written."""
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return [self.options_metavar or "", *map(_metavar, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Print arguments, then each panel of options in the order of their first option."""
        format_panels(self.get_params(ctx), ctx, formatter)


class PlainGroup(TyperGroup):
    """A group whose help prints its panels, and each command's summary whole."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Print the commands, then the options."""
        rows = [
            (name, (command.help or "").partition("\n\n")[0].replace("\n", " ").strip())
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        format_panels(self.get_params(ctx), ctx, formatter)


def format_panels(parameters: list[Any], ctx: Any, formatter: Any) -> None:
    """Print the help of arguments and options, a section a panel; plain options come last."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    others: list[tuple[str, str]] = []
    for parameter in parameters:
        if (record := parameter.get_help_record(ctx)) is None:
            continue
        is_argument = parameter.param_type_name == "argument"
        panel = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None)
        rows = others if panel is None else panels.setdefault(panel, [])
        name = _metavar(parameter).strip("[]") if is_argument else _TYPE.sub("", record[0])
        rows.append((name, record[1].replace("\\[", "[")))  # typer before 0.22 escapes for rich
    for name, rows in {**panels, _OTHER: others}.items():
        if rows:
            with formatter.section(name):
                formatter.write_dl(rows)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())
