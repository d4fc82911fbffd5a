"""Everything that can be known to be wrong with a script before it runs, all of it at once."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.facts import Fact
from mintaka.lang.flow import Flow
from mintaka.lang.forms import FORMS, SHORT_FORMS, SHORT_OPS
from mintaka.lang.kinds import ANY
from mintaka.lang.methods import NONE, Capabilities, Need
from mintaka.lang.names import BINDERS, Suggestions, bound_names
from mintaka.lang.scopes import FUNCTIONS, Resolution, Resolved, Variable, resolve
from mintaka.lang.shape import misshapes, pairs, well_formed
from mintaka.lang.signatures import Signature
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Data, Literal, Node, walk
from mintaka.lang.usage import unused


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a script without running it."""

    diagnostics: list[Diagnostic]
    """In order of their places."""
    needs: list[Need]
    """The capabilities it looks up."""
    facts: Mapping[Variable, Fact]
    """What is known of variables that are bound once, in order of binding."""
    value: Fact
    """What is known of its value."""
    resolution: Resolution
    """Its names, resolved: for a compiler to go on with, which changes it and so is the last to use it."""

    @property
    def variables(self) -> list[tuple[str, str]]:
        """The kinds or capability types of variables of which they are known, in order of binding."""
        return [(variable.name, str(fact)) for variable, fact in self.facts.items() if fact.kinds != ANY]

    @property
    def result(self) -> str:
        """The kinds of its value: ``number``, ``string | null``, ``any``; ``never`` where it always leaves."""
        return str(self.value)

    @property
    def tree(self) -> Node:
        """The script."""
        return self.resolution.root.node


def check(node: Node, signatures: Mapping[str, Signature], *, capabilities: Capabilities = NONE) -> list[Diagnostic]:
    """The diagnostics of a script against the ops and capabilities there are, in order of their places.

    Errors are what keeps a script from running, and what fails on every run; what fails if it is ever evaluated, and
    what probably is not meant as it is written, are warnings.
    """
    return analyse(node, signatures, capabilities=capabilities).diagnostics


def analyse(node: Node, signatures: Mapping[str, Signature], *, capabilities: Capabilities = NONE) -> Analysis:
    """The diagnostics of a script, and what it needs and gives."""
    suggest = Suggestions()
    resolution = resolve(node)
    found = [
        *_Structure(resolution, signatures, capabilities, suggest),
        *_names(node, resolution, suggest),
        *_strays(resolution),
    ]
    faulty = {id(at) for at, diagnostic in found if diagnostic.severity is Severity.ERROR}
    mentioned = {name for resolved, _ in resolution.unbound for name in _spoken(resolved)} | suggest.given
    flow = Flow(resolution.root, signatures, capabilities, suggest, faulty)
    diagnostics = [diagnostic for _, diagnostic in found] + flow.diagnostics + [*unused(resolution.root, mentioned)]
    return Analysis(
        sorted(diagnostics, key=lambda diagnostic: _place(diagnostic.span)),
        flow.needs,
        flow.variables,
        flow.result,
        resolution,
    )


_SHORT: Mapping[str, str] = {**SHORT_FORMS, **SHORT_OPS}

Found = tuple[Node, Diagnostic]
"""A diagnostic, and the node that is at fault."""


class _Structure:
    """Each call for itself: its op, the number of its arguments, their shape, and where it stands."""

    def __init__(
        self,
        resolution: Resolution,
        signatures: Mapping[str, Signature],
        capabilities: Capabilities,
        suggest: Suggestions,
    ) -> None:
        self._root = resolution.root
        self._signatures = signatures
        self._capabilities = capabilities
        self._suggest = suggest

    def __iter__(self) -> Iterator[Found]:
        top = {id(step) for step in (self._root.node, *_steps(self._root.node))}
        declared: set[str] | None = None
        pending = [self._root]
        while pending:
            resolved = pending.pop()
            pending.extend(reversed(resolved.args))
            call = resolved.node
            if not isinstance(call, Call):
                continue
            if call.op not in FORMS:
                signature = self._signatures.get(call.op)
                if signature is None:
                    yield call, self._unknown(call)
                elif not signature.accepts(len(call.args)):
                    yield call, Diagnostic(Code.ARITY, signature.refused(len(call.args)), call.head)
                continue
            if not resolved.formed:
                yield from ((call, each) for each in misshapes(call))
            if call.op == "obj.new" or (call.op in FUNCTIONS and resolved.formed):
                yield from ((call, each) for each in _twice(call))
            if call.op == "std.params":
                again, declared = declared is not None, declared or set()
                yield from ((call, each) for each in _params(call, id(call) in top, again, declared))

    @cached_property
    def _known(self) -> list[str]:
        return [*{**self._signatures, **FORMS, **_SHORT}]

    def _on_a_capability(self, op: str) -> str | None:
        """How to call what ``op`` names, if that is a capability type or the method of one."""
        types = self._capabilities.types
        type, _, method = op.rpartition(".")
        if types.get(op):
            what, type, method = "type of capability", op, next(iter(types[op]))
        elif method in types.get(type, ()):
            what = "method of a capability"
        else:
            return None
        return f'That is a {what}: (let cap (get-capability "{type}")), then (cap.{method} …).'

    def _unknown(self, call: Call) -> Diagnostic:
        name = _SHORT.get(call.op)
        hint = f"Did you mean `{name}`?" if name else self._on_a_capability(call.op)
        hint = hint or self._suggest.did_you_mean(call.op, self._known)
        message = f"There is no op `{call.op}`." if call.op else "A call names its op first."
        return Diagnostic(Code.UNKNOWN_OP, message, call.head, hint)


def _steps(root: Node) -> tuple[Node, ...]:
    return root.args if isinstance(root, Call) and root.op == "std.seq" else ()


def _params(call: Call, at_top: bool, again: bool, declared: set[str]) -> Iterator[Diagnostic]:
    """What is wrong with the place of ``params``, and with the names it declares."""
    if not at_top or again:
        message = "`std.params` stands at the top of a script only, and once."
        yield Diagnostic(Code.MISPLACED, message, call.span, "Declare all parameters in one (params …) at the top.")
    for arg in call.args:
        name = arg.value[0] if isinstance(arg, Literal) and isinstance(arg.value, list) and arg.value else None
        if isinstance(name, str) and name in declared:
            message = f"The parameter `{name}` is declared twice."
            yield Diagnostic(Code.DUPLICATE, message, arg.span, "Take one of the two out.")
        elif isinstance(name, str):
            declared.add(name)


def _twice(call: Call) -> Iterator[Diagnostic]:
    """Keys of an object and parameters of a function that stand there twice; the later one hides the earlier."""
    if call.op == "obj.new":
        what, names = "key", [(key.value, key.span) for key, _ in pairs(call)]
    else:
        what, names = "parameter", [(name, call.args[-2].span) for name in _parameter_names(call.args[-2])]
    seen: set[object] = set()
    for name, span in names:
        if isinstance(name, str) and name in seen:
            message = f"The {what} `{name}` stands here twice; only the later one counts."
            yield Diagnostic(Code.DUPLICATE, message, span, "Take one of the two out.", Severity.WARNING)
        elif isinstance(name, str):
            seen.add(name)


def _parameter_names(names: Node) -> list[Data]:
    return [*names.value] if isinstance(names, Literal) and isinstance(names.value, list) else []


def _names(node: Node, resolution: Resolution, suggest: Suggestions) -> Iterator[Found]:
    """Names that nothing binds where they stand."""
    if not resolution.unbound:
        return
    applied = {
        id(call.args[0]) for call in walk(node) if isinstance(call, Call) and call.op == "std.apply" and call.args
    }
    bound = bound_names(node)
    misdeclared = {
        name
        for call in walk(node)
        if isinstance(call, Call) and call.op in BINDERS and not well_formed(call)
        for name in bound_names(call)
    }
    for resolved, visible in resolution.unbound:
        if misdeclared.intersection(_spoken(resolved)):  # what keeps it from being bound is told already
            continue
        told = _unbound(resolved, visible, bound, suggest, applied=id(resolved.node) in applied)
        yield resolved.node, told


def _unbound(
    resolved: Resolved, visible: AbstractSet[str], bound: AbstractSet[str], suggest: Suggestions, *, applied: bool
) -> Diagnostic:
    call = resolved.node
    assert isinstance(call, Call)
    if call.op == "std.error":
        return Diagnostic(Code.MISPLACED, "`std.error` stands in a handler of `std.try` only.", call.span)
    name = call.args[0].value if isinstance(call.args[0], Literal) else None
    hint = suggest.did_you_mean(str(name), visible)
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


def _spoken(unbound: Resolved) -> Iterator[str]:
    """The name that nothing binds where it stands."""
    if isinstance(unbound.node, Call) and unbound.node.args and isinstance(unbound.node.args[0], Literal):
        yield str(unbound.node.args[0].value)


def _strays(resolution: Resolution) -> Iterator[Found]:
    for node in resolution.stray:
        message = f"`{node.op}` stands in a loop only, and does not reach out of a function."
        yield node, Diagnostic(Code.MISPLACED, message, node.span)


def _place(span: Span) -> tuple[object, ...]:
    return (span.line, span.column, span.path)  # the steps of a path to a node are all indices
