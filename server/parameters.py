"""A script's declared parameters, as whoever makes a form of them wants to know them."""

from collections.abc import Sequence

from mintaka.lang.parameters import Parameter, parameter
from mintaka.lang.tree import Call, Literal, Node, walk


def declared(tree: Node) -> list[Parameter]:
    """The parameters a checked script declares with ``(params …)``."""
    return [
        parameter(arg.value)
        for call in walk(tree)
        if isinstance(call, Call) and call.op == "std.params"
        for arg in call.args
        if isinstance(arg, Literal)
    ]


def describe(parameters: Sequence[Parameter]) -> list[dict[str, object]]:
    """The parameters as ``check_script`` tells them."""
    return [
        {
            "name": each.name,
            "type": each.type,
            "required": each.required,
            "default": each.default,
            "description": each.help,
            **({} if each.least is None else {"minimum": each.least}),
            **({} if each.most is None else {"maximum": each.most}),
            **({"choices": list(each.choices)} if each.choices else {}),
        }
        for each in parameters
    ]
