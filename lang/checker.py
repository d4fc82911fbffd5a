"""Everything that can be known to be wrong with a script before it runs, all of it at once."""

from collections.abc import Iterator, Mapping

from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.forms import FORMS, SHORT_FORMS, SHORT_OPS
from mintaka.lang.names import bound_names, near
from mintaka.lang.scopes import Resolved, resolve
from mintaka.lang.shape import misshapes, well_formed
from mintaka.lang.signatures import Signature
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Literal, Node, walk


def check(node: Node, signatures: Mapping[str, Signature]) -> list[Diagnostic]:
    """The diagnostics of a script against the ops there are, in order of their places.

    An op nobody knows, a wrong number of arguments, something that is no name where a name belongs, a variable nothing
    binds and a misplaced ``break`` are errors; a variable that is bound only elsewhere is null, with a warning.
    """
    found = [*_structure(node, signatures), *_names(node)]
    return sorted(found, key=lambda diagnostic: _place(diagnostic.span))


def _structure(node: Node, signatures: Mapping[str, Signature]) -> Iterator[Diagnostic]:
    for call in walk(node):
        if not isinstance(call, Call):
            continue
        if call.op in FORMS:
            yield from misshapes(call)
        elif call.op not in signatures:
            yield _unknown(call, signatures)
        elif not signatures[call.op].accepts(len(call.args)):
            expected = signatures[call.op].expected()
            yield Diagnostic(Code.ARITY, f"`{call.op}` takes {expected}, not {len(call.args)}.", call.head)


def _unknown(call: Call, signatures: Mapping[str, Signature]) -> Diagnostic:
    hint = None
    short = {**SHORT_FORMS, **SHORT_OPS}
    name = short.get(call.op) or near(call.op, [*signatures, *FORMS, *short])
    if name is not None:
        hint = f"Did you mean `{name}`?"
    message = f"There is no op `{call.op}`." if call.op else "A call names its op first."
    return Diagnostic(Code.UNKNOWN_OP, message, call.head, hint)


def _names(node: Node) -> Iterator[Diagnostic]:
    resolution = resolve(node)
    applied = {
        id(call.args[0]) for call in walk(node) if isinstance(call, Call) and call.op == "std.apply" and call.args
    }
    bound = bound_names(node)
    for resolved, visible in resolution.unbound:
        yield _unbound(resolved, visible, bound, applied=id(resolved.node) in applied)
    yield from _loops(resolution.root)


def _unbound(resolved: Resolved, visible: frozenset[str], bound: frozenset[str], *, applied: bool) -> Diagnostic:
    call = resolved.node
    assert isinstance(call, Call)
    if call.op == "std.error":
        return Diagnostic(Code.MISPLACED, "`std.error` stands in a handler of `std.try` only.", call.span)
    name = call.args[0].value if isinstance(call.args[0], Literal) else None
    close = near(str(name), visible)
    hint = f"Did you mean `{close}`?" if close else None
    if name in bound:
        return Diagnostic(
            Code.OUT_OF_SCOPE,
            f"`{name}` is bound elsewhere in the script, but not seen here; its value here is null.",
            call.span,
            hint or "Bind it outside the branch, loop or function with `let`, and change it there with `set`.",
            Severity.WARNING,
        )
    if applied:
        message = f"`{name}` is neither bound nor an op, so there is no function to call."
        return Diagnostic(Code.TYPE, message, call.span, hint)
    return Diagnostic(Code.UNBOUND, f"Nothing binds `{name}`.", call.span, hint or f"Bind it first: (let {name} …).")


def _loops(root: Resolved) -> Iterator[Diagnostic]:
    pending = [root]
    while pending:
        current = pending.pop()
        node = current.node
        if (
            isinstance(node, Call)
            and node.op in ("std.break", "std.continue")
            and not current.loop
            and well_formed(node)
        ):
            message = f"`{node.op}` stands in a loop only, and does not reach out of a function."
            yield Diagnostic(Code.MISPLACED, message, node.span)
        pending.extend(current.args)


def _place(span: Span) -> tuple[object, ...]:
    return (span.line, span.column, [str(step).rjust(8, "0") for step in span.path])
