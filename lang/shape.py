"""Whether the arguments of a special form are of the kinds it wants."""

from collections.abc import Iterator

from mintaka.lang.diagnostics import Code, Diagnostic
from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.parameters import BadDeclaration, parameter
from mintaka.lang.tree import Call, Group, Literal, Node


def misshapes(call: Call) -> Iterator[Diagnostic]:
    """What is wrong with the arguments of a special form, its arity included."""
    form = FORMS[call.op]
    if not form.signature.accepts(len(call.args)):
        yield Diagnostic(
            Code.ARITY,
            form.signature.refused(len(call.args)),
            call.head,
            hint=f"({form.name.removeprefix('std.')} {' '.join(form.words)})".replace(" )", ")"),
        )
        return
    for index, arg in enumerate(call.args):
        message = _wrong(call.op, form.kind(index), arg)
        if message is not None:
            code = Code.DECLARATION if form.kind(index) is ArgKind.PARAMETER else Code.TYPE
            yield Diagnostic(code, message, arg.span)


def pairs(call: Call) -> Iterator[tuple[Literal, Node]]:
    """The keys and values of an ``obj.new``, without what is no pair."""
    for arg in call.args:
        if isinstance(arg, Group) and len(arg.items) == 2 and isinstance(arg.items[0], Literal):
            yield arg.items[0], arg.items[1]


def well_formed(call: Call) -> bool:
    """Whether ``call`` is a special form with arguments of the right kinds."""
    return call.op in FORMS and next(misshapes(call), None) is None


def _wrong(op: str, kind: ArgKind, arg: Node) -> str | None:
    value = arg.value if isinstance(arg, Literal) else None
    match kind:
        case ArgKind.NAME if not isinstance(value, str):
            return f"`{op}` wants the name of a variable here, written as it is or as a text."
        case ArgKind.NAMES if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            return f"`{op}` wants the names of its parameters here, as a list: [x y]."
        case ArgKind.PAIR if not (
            isinstance(arg, Group)
            and len(arg.items) == 2
            and (not isinstance(arg.items[0], Literal) or isinstance(arg.items[0].value, str))
        ):
            return f'`{op}` takes pairs of a key and a value: ["width" 128].'
        case ArgKind.PARAMETER:
            try:
                parameter(value)
            except BadDeclaration as error:
                return str(error)
    return None
