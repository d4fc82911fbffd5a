"""Calls that have to do with capabilities, checked before they run: ops that look up, make or narrow them, methods."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from mintaka.lang.diagnostics import Code
from mintaka.lang.facts import UNKNOWN, Fact
from mintaka.lang.kinds import ANY, HOST, Kind, Kinds, kind_of, kinds, named, wrong_argument
from mintaka.lang.methods import Capabilities, CapabilityOp, Method, Need
from mintaka.lang.names import Suggestions
from mintaka.lang.shape import pairs
from mintaka.lang.signatures import Signature
from mintaka.lang.spans import Span
from mintaka.lang.tree import Call, Literal, Node

CONSTRUCTOR = "constructor"
"""The one method that plain values have."""

PICTURE = kinds(Kind.IMAGE)


class Report(Protocol):
    """Reports what fails when it is evaluated; ``before`` are the faults that were met before the call began."""

    def __call__(
        self, code: Code, message: str, span: Span, before: int, hint: str | None = None, *, error: bool = True
    ) -> None:
        """As an error where every run comes to it, unless ``error`` is false."""
        ...


class Fit(Protocol):
    """Reports the arguments that are of no kind that a signature takes."""

    def __call__(self, signature: Signature, args: Sequence[Node], facts: Sequence[Fact], before: int) -> None:
        """What is known of ``args`` are their ``facts``."""
        ...


class CapabilityCalls:
    """Checks the calls of one script; ``inside`` tells the kinds of what stands in pairs, by node."""

    def __init__(
        self, capabilities: Capabilities, suggest: Suggestions, inside: Mapping[int, Kinds], fit: Fit, report: Report
    ) -> None:
        self._known = capabilities
        self._suggest = suggest
        self._inside = inside
        self._fit = fit
        self._report = report
        self._looked_up: dict[str | None, tuple[Span, dict[str, None]]] = {}

    @property
    def needs(self) -> list[Need]:
        """The capabilities that are looked up, in order of the script."""
        return [Need(type, tuple(methods), span) for type, (span, methods) in self._looked_up.items()]

    def op(self, node: Call, facts: Sequence[Fact], result: Fact, before: int) -> Fact:
        """What an op that has to do with capabilities gives."""
        op = self._known.ops.get(node.op)
        if op is None:
            return result
        if op.like is not None and op.like < len(facts):
            type = facts[op.like].capability
        elif op.type_at is not None and op.type_at < len(node.args):
            type = self._named(node, node.args[op.type_at], op, before)
        else:
            return result
        if op.narrows_at is not None and op.narrows_at < len(node.args):
            self._restrictions(type, node.args[op.narrows_at], before)
        return Fact(result.kinds, type) if op.gives else result

    def _named(self, node: Call, wanted: Node, op: CapabilityOp, before: int) -> str | None:
        """The type that an argument names, if there is such a type."""
        type = wanted.value if isinstance(wanted, Literal) and isinstance(wanted.value, str) else None
        if op.looks_up:
            self._looked_up.setdefault(type, (node.span, {}))
        if type is None or type in self._known.types:
            return type
        hint = self._suggest.or_all(type, self._known.types, "There are {}.")
        message = f"There is no capability type `{type}`."
        self._report(Code.UNKNOWN_CAPABILITY, message, wanted.span, before, hint, error=False)
        return None

    def _restrictions(self, type: str | None, given: Node, before: int) -> None:
        known = self._known.restrictions.get(type or "")
        if known is None:
            return
        for key, _, span in self._pairs(given):
            if key not in known:
                hint = self._suggest.or_all(key, known, "It has {}.")
                self._report(Code.UNKNOWN_OPTION, f"`{type}` has no restriction `{key}`.", span, before, hint)

    def method(self, node: Call, facts: Sequence[Fact], before: int) -> Fact:
        """What a method gives; what is wrong with the call is reported."""
        on, name = facts[0], node.args[1]
        if not isinstance(name, Literal) or not isinstance(name.value, str):
            return UNKNOWN
        if on.capability is None:
            if on.kinds & HOST == PICTURE and name.value != CONSTRUCTOR and self._known.image:
                method = self._method("An image", name.value, self._known.image, name.span, before)
                return UNKNOWN if method is None else self._called(method, node, facts, before)
            if on.kinds.isdisjoint(HOST) and name.value != CONSTRUCTOR:
                subject = named(on.kinds)
                message = f"{subject[0].upper()}{subject[1:]} has no method `{name.value}`."
                hint = "Methods belong to capabilities and images."
                self._report(Code.UNKNOWN_METHOD, message, name.span, before, hint)
            return UNKNOWN
        method = self._method(f"`{on.capability}`", name.value, self._known.types[on.capability], name.span, before)
        if method is None:
            return UNKNOWN
        if on.capability in self._looked_up:
            self._looked_up[on.capability][1][name.value] = None
        return self._called(method, node, facts, before)

    def _method(self, owner: str, name: str, methods: Mapping[str, Method], span: Span, before: int) -> Method | None:
        method = methods.get(name)
        if method is None:
            known = self._suggest.or_all(name, methods, "It has {}.")
            self._report(Code.UNKNOWN_METHOD, f"{owner} has no method `{name}`.", span, before, known)
        return method

    def _called(self, method: Method, node: Call, facts: Sequence[Fact], before: int) -> Fact:
        self._arguments(method, node, facts[2:], before)
        return Fact(method.signature.returns)

    def _arguments(self, method: Method, node: Call, facts: Sequence[Fact], before: int) -> None:
        signature, args = method.signature, node.args[2:]
        if not signature.accepts(len(args)):
            self._report(Code.ARITY, signature.refused(len(args)), node.args[1].span, before)
            return
        self._fit(signature, args, facts, before)
        if method.options and len(args) == signature.maximum:
            self._options(method, args[-1], before)

    def _options(self, method: Method, given: Node, before: int) -> None:
        given_already: set[str] = set()
        for key, value, span in self._pairs(given):
            option = method.options.get(key)
            if option is None:
                message = f"`{method.signature.name}` has no option `{key}`."
                known = dict.fromkeys(each.name for each in method.options.values())
                hint = self._suggest.or_all(key, method.options, "It takes {}.", known)
                self._report(Code.UNKNOWN_OPTION, message, span, before, hint)
                continue
            if option.name in given_already:
                message = f"`{method.signature.name}` is given its option `{option.name}` twice."
                self._report(Code.DUPLICATE, message, span, before, "Take one of the two out.")
            if Kind.NULL in value:  # the same as leaving it out
                continue
            given_already.add(option.name)
            if value and value.isdisjoint(option.kinds):
                message = wrong_argument(method.signature.name, key, named(option.kinds), named(value))
                self._report(Code.TYPE, message, span, before)

    def _pairs(self, given: Node) -> Iterator[tuple[str, Kinds, Span]]:
        """The keys of an object that stands in the script, with what is known of its values."""
        if isinstance(given, Literal) and isinstance(given.value, dict):
            for key, value in given.value.items():
                yield key, kinds(kind_of(value)), given.span
        elif isinstance(given, Call) and given.op == "obj.new":
            for literal, node in pairs(given):
                if isinstance(literal.value, str):
                    yield literal.value, self._inside.get(id(node), ANY), literal.span
