"""What is known of a script's values before it runs: one walk in the order of evaluation.

The kinds of literals, of the results of ops, of declared parameters and of variables that are bound once are known;
all else may be anything. What does not fit is an error only if every run comes to it: not in a branch, a loop, a
function or the body of a ``std.try``, and not behind something that may end the script. Elsewhere it is a warning,
since nobody knows whether it is ever evaluated.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from mintaka.lang.capability_calls import CapabilityCalls
from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.facts import LEFT, LITERALS, NULL, UNKNOWN, Fact
from mintaka.lang.kinds import ANY, NEVER, Kind, Kinds, kind_of, kinds, named, not_a_function, wrong_argument
from mintaka.lang.methods import Capabilities, Need
from mintaka.lang.names import Suggestions
from mintaka.lang.parameters import Parameter
from mintaka.lang.scopes import Resolved, Variable
from mintaka.lang.signatures import Signature
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Literal, Node

THROW = "std.throw"
CALL_METHOD = "std.call_method"


_RESULTS: Mapping[str, Fact] = {
    "and": Fact(kinds(Kind.BOOLEAN)),
    "or": Fact(kinds(Kind.BOOLEAN)),
    "obj.new": Fact(kinds(Kind.OBJECT)),
    "par.all": Fact(kinds(Kind.LIST)),
    "std.for": NULL,
    "std.while": NULL,
    "std.params": NULL,
    "std.lambda": Fact(kinds(Kind.FUNCTION)),
    "std.define": Fact(kinds(Kind.FUNCTION)),
    "std.error": Fact(kinds(Kind.OBJECT)),
    "std.break": LEFT,
    "std.continue": LEFT,
    "std.return": LEFT,
}
"""What forms give, whatever stands in them."""

_PARAMETERS: Mapping[str, Kinds] = {
    "string": kinds(Kind.STRING),
    "number": kinds(Kind.NUMBER),
    "int": kinds(Kind.NUMBER),
    "boolean": kinds(Kind.BOOLEAN),
    "list": kinds(Kind.LIST),
    "object": kinds(Kind.OBJECT),
    "image": kinds(Kind.IMAGE),
}


class Flow:
    """The walk over one script; ``faulty`` are the ids of nodes in which something else is wrong already."""

    def __init__(
        self,
        root: Resolved,
        signatures: Mapping[str, Signature],
        capabilities: Capabilities,
        suggest: Suggestions,
        faulty: AbstractSet[int],
    ) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.variables: dict[Variable, Fact] = {}
        """What is known of variables that are bound once, in order of binding."""
        self._signatures = signatures
        self._faulty = faulty
        self._faults = 0
        """How many faulty nodes were met so far."""
        self._maybe = 0
        """How many branches, loops and functions there are around."""
        self._functions = 0
        self._ended = False
        """Whether something that is met before may have ended the script."""
        self._inside: dict[int, Kinds] = {}
        """The kinds of what stands in pairs, by node."""
        self._calls = CapabilityCalls(capabilities, suggest, self._inside, self._fit, self._report)
        self._returned = LEFT
        """What the script may leave with."""
        self.result = self._visit(root) | self._returned

    @property
    def needs(self) -> list[Need]:
        """The capabilities that are looked up, in order of the script."""
        return self._calls.needs

    def _visit(self, resolved: Resolved) -> Fact:
        node = resolved.node
        if isinstance(node, Literal):
            return LITERALS[kind_of(node.value)]
        self._faults += id(node) in self._faulty
        if not isinstance(node, Call):
            for arg in resolved.args:
                self._inside[id(arg.node)] = self._visit(arg).kinds
            return UNKNOWN
        if resolved.formed:
            return self._form(resolved, node)
        return self._call(resolved, node)

    def _all(self, nodes: Sequence[Resolved]) -> list[Fact]:
        return [self._visit(node) for node in nodes]

    def _perhaps(self, nodes: Sequence[Resolved]) -> list[Fact]:
        """Visit what nobody knows whether it is evaluated."""
        self._maybe += 1
        facts = self._all(nodes)
        self._maybe -= 1
        return facts

    # Forms

    def _form(self, resolved: Resolved, node: Call) -> Fact:
        args = resolved.args
        match node.op:
            case "std.seq":
                return self._steps(args)
            case "std.if":
                condition = self._visit(args[0])
                arms = self._perhaps(args[1:])
                fact = arms[0] | (arms[1] if len(arms) > 1 else NULL)
                return LEFT if condition.kinds == NEVER else fact
            case "std.while":
                self._visit(args[0])
                self._perhaps(args[1:])
                self._ended |= isinstance(args[0].node, Literal)
            case "std.for":
                self._visit(args[0])
                self._perhaps(args[1:])
            case "std.let":
                return self._bound(resolved.variable, self._visit(args[0]))
            case "std.set":
                return self._visit(args[0])
            case "std.var":
                return self.variables.get(resolved.variable, UNKNOWN) if resolved.variable else UNKNOWN
            case "std.quote":
                data = node.args[0]
                return LITERALS[kind_of(data.value)] if isinstance(data, Literal) else UNKNOWN
            case "std.lambda" | "std.define":
                self._functions += 1
                self._perhaps(args)
                self._functions -= 1
                self._bound(resolved.variable, _RESULTS[node.op])
            case "std.break" | "std.continue" if id(node) in self._faulty:
                return UNKNOWN  # it leaves nothing, and what follows it was meant to be evaluated
            case "std.return":
                value = self._visit(args[0]) if args else NULL
                if not self._functions:
                    self._ended = True
                    self._returned |= value
            case "std.apply":
                return self._apply(resolved)
            case "std.try":
                body, *handler = self._perhaps(args)
                return body | (handler[-1] if handler else NULL)
            case "std.with_timeout":
                return self._with_timeout(resolved)
            case "std.params":
                for variable, declared in zip(resolved.parameters, resolved.declared, strict=True):
                    self._bound(variable, Fact(_declared(declared)))
            case "par.all":
                self._perhaps(args)
            case "and" | "or" | "guard" | "nullish":
                return self._settled(resolved)
            case _:
                self._all(args)
        return _RESULTS.get(node.op, UNKNOWN)

    def _steps(self, steps: Sequence[Resolved]) -> Fact:
        fact, told = NULL, False
        for index, step in enumerate(steps):
            if index and fact.kinds == NEVER and not told:
                told = True
                self._ended = True
                self._unreachable(steps[index].node, steps[-1].node)
            last = self._visit(step)
            fact = LEFT if told else last
        return fact

    def _bound(self, variable: Variable | None, fact: Fact) -> Fact:
        if variable is not None and variable.bound == 1 and not variable.early:
            self.variables[variable] = fact
        return fact

    def _apply(self, resolved: Resolved) -> Fact:
        before = self._faults
        facts = self._all(resolved.args)
        given = facts[0].kinds
        if given and Kind.FUNCTION not in given:
            self._report(Code.TYPE, not_a_function(named(given)), resolved.args[0].node.span, before)
        return LEFT if any(fact.kinds == NEVER for fact in facts) else UNKNOWN

    def _with_timeout(self, resolved: Resolved) -> Fact:
        before = self._faults
        seconds = self._visit(resolved.args[0]).kinds
        if seconds and Kind.NUMBER not in seconds:
            message = f"`std.with_timeout` takes a number of seconds, not {named(seconds)}."
            self._report(Code.TYPE, message, resolved.args[0].node.span, before)
        return self._perhaps(resolved.args[1:])[0]

    def _settled(self, resolved: Resolved) -> Fact:
        """Of the arguments of ``and``, ``or``, ``guard`` and ``nullish`` only the first is certainly evaluated."""
        if not resolved.args:
            return _RESULTS.get(resolved.op, NULL)
        first = self._visit(resolved.args[0])
        others = self._perhaps(resolved.args[1:])
        if first.kinds == NEVER or resolved.op in _RESULTS:
            return first if first.kinds == NEVER else _RESULTS[resolved.op]
        for other in others:
            first = first | other
        return first

    # Ordinary calls

    def _call(self, resolved: Resolved, node: Call) -> Fact:
        before = self._faults
        facts = self._all(resolved.args)
        signature = self._signatures.get(node.op)
        if signature is None or id(node) in self._faulty:
            return UNKNOWN
        if any(not fact.kinds for fact in facts):
            return LEFT
        self._fit(signature, node.args, facts, before)
        if node.op == THROW:
            self._ended = True
            return LEFT
        if node.op == CALL_METHOD:
            return self._calls.method(node, facts, before)
        return self._calls.op(node, facts, Fact(signature.returns), before)

    def _fit(self, signature: Signature, args: Sequence[Node], facts: Sequence[Fact], before: int) -> None:
        """Report the arguments that are of no kind that ``signature`` takes."""
        for index, (arg, fact) in enumerate(zip(args, facts, strict=True)):
            wanted = signature.argument(index)
            if wanted is not None and fact.kinds and fact.kinds.isdisjoint(wanted.kinds):
                message = wrong_argument(signature.name, wanted.name, named(wanted.kinds), named(fact.kinds))
                self._report(Code.TYPE, message, arg.span, before)

    # Reports

    def _report(
        self, code: Code, message: str, span: Span, before: int, hint: str | None = None, *, error: bool = True
    ) -> None:
        """Report what fails when it is evaluated; ``before`` are the faults that were met before the call began."""
        certain = error and not self._maybe and not self._ended and self._faults == before
        severity = Severity.ERROR if certain else Severity.WARNING
        self.diagnostics.append(Diagnostic(code, message, span, hint, severity))

    def _unreachable(self, first: Node, last: Node) -> None:
        self.diagnostics.append(
            Diagnostic(
                Code.UNREACHABLE,
                "This is never evaluated, because what stands before it always leaves.",
                first.span.to(last.span),
                "Take it out, or put it before what leaves.",
                Severity.WARNING,
            )
        )


def _declared(wanted: Parameter) -> Kinds:
    """The kinds of values that a parameter may have."""
    if wanted.type == "choice":
        known = kinds(*(kind_of(choice) for choice in wanted.choices))
    else:
        known = _PARAMETERS.get(wanted.type, ANY)
    return known if wanted.required else known | {kind_of(wanted.default)}
