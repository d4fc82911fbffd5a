"""The parameters of an endpoint as the options of a command, made from their JSON Schema."""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from mintaka.server.command.faults import CommandFault

OWN = frozenset({"json", "out", "key", "wait", "no-wait", "number", "help"})
"""Options of the command itself; a parameter of that name is given with ``--arg-`` before it."""


class Form:
    """The command line of one endpoint, as the server tells of it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._name = str(told["name"])
        self._help = str(told["description"])
        self._properties: Mapping[str, Mapping[str, Any]] = told["parameters"]["properties"]
        self._required = frozenset(told["parameters"]["required"])

    def read(self, line: list[str], own: Callable[..., None]) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The arguments of a command line, and the values of the options that ``own`` declares.

        None where only help was asked for, and printed. Raises typer's error of usage, and `CommandFault`.
        """
        read: list[dict[str, Any]] = []
        self._command(own, read)(line, prog_name=f"mintaka call {self._name}", standalone_mode=False)
        if not read:
            return None
        places = {f"p{place}": name for place, name in enumerate(self._properties)}
        values = {name: read[0].pop(place) for place, name in places.items()}
        arguments = {name: self._value(name, value) for name, value in values.items() if value is not None}
        return arguments, read[0]

    def _command(self, own: Callable[..., None], read: list[dict[str, Any]]) -> Callable[..., object]:
        def take(**values: Any) -> None:
            read.append(values)

        asked = [
            inspect.Parameter(
                f"p{place}",
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if name in self._required else None,
                annotation=self._annotation(name),
            )
            for place, name in enumerate(self._properties)
        ]
        asked += inspect.signature(own, eval_str=True).parameters.values()
        take.__signature__ = inspect.Signature(asked)  # type: ignore[attr-defined]
        take.__annotations__ = {each.name: each.annotation for each in asked}
        take.__doc__ = self._help or f"Call {self._name}."
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(context_settings={"help_option_names": ["-h", "--help"]})(take)
        return typer.main.get_command(app)

    def _annotation(self, name: str) -> Any:
        about = self._properties[name]
        option = f"--arg-{name}" if name in OWN else f"--{name.replace('_', '-')}"
        kind: Any = {"integer": int, "number": float, "boolean": bool}.get(str(about.get("type")), str)
        note = ""
        if "enum" in about:
            kind = _one_of(name, [_shown(each) for each in about["enum"]])
        elif about["widget"] == "image":
            kind, note = Path, "(a file)"
        elif kind is bool:
            option = f"{option}/--no-{option.removeprefix('--')}"
        elif about.get("type") in ("array", "object"):
            note = "(JSON)"
        bounds = {"min": about["minimum"], "max": about["maximum"]} if "minimum" in about else {}
        default = f"[default: {_shown(about['default'])}]" if "default" in about else ""
        help = " ".join(part for part in (str(about["description"]), note, default) if part)
        declared = typer.Option(option, help=help or None, show_default=False, **bounds)
        return Annotated[kind if name in self._required else kind | None, declared]

    def _value(self, name: str, value: Any) -> Any:
        import json

        about = self._properties[name]
        if isinstance(value, Enum):
            return next(each for each in about["enum"] if _shown(each) == value.value)
        if isinstance(value, Path):
            return _picture(value)
        if about.get("type") in ("array", "object"):
            try:
                return json.loads(value)
            except ValueError:
                raise CommandFault(f"{name} is given as JSON, and {value!r} is none.") from None
        return value


def _one_of(name: str, choices: list[str]) -> Any:
    """An Enum of these choices, which is how typer is told of them."""
    make: Callable[..., Any] = Enum
    return make(name, {f"v{place}": each for place, each in enumerate(choices)})


def _shown(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _picture(path: Path) -> str:
    import base64

    try:
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise CommandFault(f"{path} cannot be read: {(error.strerror or 'error').lower()}.") from None
