"""Whether the arguments of a special form are of the kinds it wants."""

from collections.abc import Callable, Iterator, Mapping

from mintaka.lang.diagnostics import Code, Diagnostic
from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.parameters import BadDeclaration, parameter
from mintaka.lang.tree import Call, Group, Literal, Node


def misshapes(call: Call) -> Iterator[Diagnostic]:
    """What is wrong with the arguments of a special form, its arity included."""
    form = FORMS[call.op]
    if not form.takes(len(call.args)):
        yield Diagnostic(
            Code.ARITY,
            form.signature.refused(len(call.args)),
            call.head,
            hint=f"({form.name.removeprefix('std.')} {' '.join(form.words)})".replace(" )", ")"),
        )
        return
    for index, arg in enumerate(call.args):
        kind = form.kind(index)
        rule = _RULES.get(kind)
        if rule is not None and not rule(arg):
            code = Code.DECLARATION if kind is ArgKind.PARAMETER else Code.TYPE
            yield Diagnostic(code, _wanted(call.op, kind, arg), arg.span)


def pairs(call: Call) -> Iterator[tuple[Literal, Node]]:
    """The keys and values of an ``obj.new``, without what is no pair."""
    for arg in call.args:
        if isinstance(arg, Group) and len(arg.items) == 2 and isinstance(arg.items[0], Literal):
            yield arg.items[0], arg.items[1]


def well_formed(call: Call) -> bool:
    """Whether ``call`` is a special form with arguments of the right kinds: nothing is among its `misshapes`."""
    form = FORMS.get(call.op)
    if form is None or not form.takes(len(call.args)):
        return False
    rules = _RULES_OF[call.op]
    if form.variadic:
        return all(all(map(rule, call.args)) for _, rule in rules)
    return False not in [rule(call.args[index]) for index, rule in rules if index < len(call.args)]


def _is_name(arg: Node) -> bool:
    return isinstance(arg, Literal) and isinstance(arg.value, str)


def _are_names(arg: Node) -> bool:
    names = arg.value if isinstance(arg, Literal) else None
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _is_pair(arg: Node) -> bool:
    if not isinstance(arg, Group) or len(arg.items) != 2:
        return False
    key = arg.items[0]
    return not isinstance(key, Literal) or isinstance(key.value, str)


def _is_parameter(arg: Node) -> bool:
    return _misdeclared(arg) is None


def _misdeclared(arg: Node) -> str | None:
    """Why ``arg`` declares no parameter."""
    try:
        parameter(arg.value if isinstance(arg, Literal) else None)
    except BadDeclaration as error:
        return str(error)
    return None


_RULES: Mapping[ArgKind, Callable[[Node], bool]] = {
    ArgKind.NAME: _is_name,
    ArgKind.NAMES: _are_names,
    ArgKind.PAIR: _is_pair,
    ArgKind.PARAMETER: _is_parameter,
}
"""Whether something may stand where such an argument is wanted; what is not here may be anything."""

_RULES_OF: Mapping[str, list[tuple[int, Callable[[Node], bool]]]] = {
    name: [(index, _RULES[kind]) for index, kind in enumerate(form.kinds) if kind in _RULES]
    for name, form in FORMS.items()
}
"""The rules of a form's arguments, by their places; a variadic form has at most one, for all of them."""


def _wanted(op: str, kind: ArgKind, arg: Node) -> str:
    """What is said of an argument that is not of the kind wanted."""
    match kind:
        case ArgKind.NAME:
            return f"`{op}` wants the name of a variable here, written as it is or as a text."
        case ArgKind.NAMES:
            return f"`{op}` wants the names of its parameters here, as a list: [x y]."
        case ArgKind.PAIR:
            return f'`{op}` takes pairs of a key and a value: ["width" 128].'
    return _misdeclared(arg) or ""
