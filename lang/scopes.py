"""Every name resolved: which variable it is, which function owns it, and how far it is seen.

Binding is lexical. The steps of a ``std.seq``, the arms of ``std.if`` and ``std.try``, the body of a loop or a
function are scopes; ``std.let`` binds in the scope it stands in, wherever in it. A name is the variable that is
visible where it stands; a function sees, failing that, what the scopes around it bind later, so functions can call
themselves and one another. The result is a tree parallel to the script's, used by the checker and the compiler.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.parameters import Parameter, parameter
from mintaka.lang.shape import well_formed
from mintaka.lang.tree import Call, Literal, Node, children

ERROR = "(error)"
"""The variable of a handler that ``std.error`` reads; no script can spell it."""

TOLD = 100
"""Unbound names for which it is worth while to collect what could be meant."""

FUNCTIONS = frozenset({"std.lambda", "std.define"})
LOOPS = frozenset({"std.while", "std.for"})


@dataclass(slots=True, eq=False)
class Variable:
    """A variable of the script."""

    name: str
    owner: "FunctionScope"
    in_loop: bool
    """Bound anew in every turn of a loop of its function."""
    captured: bool = False
    """Used by a function within its owner."""
    set_inside: bool = False
    """Given a value by a function within its owner."""
    early: bool = False
    """May be read before it is bound: its value is null then."""
    bound: int = 0
    """At how many places the script gives it a value; what a function is given as a parameter is none of them."""


@dataclass(slots=True, eq=False)
class FunctionScope:
    """A function of the script, or the script itself."""

    outer: "FunctionScope | None"
    parameters: list[Variable] = field(default_factory=list)
    free: dict[Variable, None] = field(default_factory=dict)
    """Variables of functions around it that it, or a function in it, uses; in order of appearance."""
    set_free: dict[Variable, None] = field(default_factory=dict)
    """Those of them that it gives a value."""


@dataclass(slots=True, eq=False)
class Resolved:
    """A node of the script and what its names mean."""

    node: Node
    args: tuple["Resolved", ...] = ()
    variable: Variable | None = None
    """What ``var set let for try define error`` name; ``None`` where nothing is bound."""
    function: FunctionScope | None = None
    """The function that ``lambda`` and ``define`` make."""
    tasks: tuple[FunctionScope, ...] = ()
    """The functions that the arguments of ``par.all`` are."""
    parameters: tuple[Variable, ...] = ()
    """What ``params`` binds."""
    declared: tuple[Parameter, ...] = ()
    """What ``params`` says of each of them."""
    formed: bool = False
    """Whether this is a special form, and well-formed."""
    error: Variable | None = None
    """In a ``try``, what ``std.error`` reads in its handler, if it does."""
    declares: tuple[Variable, ...] = ()
    """Variables of the scope that opens here."""
    inline: bool = False
    """Of ``lambda``: whether the compiler has made it part of the loop of the op that it is given to."""
    op: str = field(init=False)
    """The op of a call, else an empty string."""

    def __post_init__(self) -> None:
        self.op = self.node.op if isinstance(self.node, Call) else ""


@dataclass(slots=True)
class Resolution:
    """A script with its names resolved."""

    root: Resolved
    main: FunctionScope
    unbound: list[tuple[Resolved, frozenset[str]]]
    """Names that nothing binds where they stand; the first `TOLD` each with the names that are visible there."""
    stray: list[Call]
    """Every ``break`` and ``continue`` that has no loop to leave."""

    def nodes(self) -> list[Resolved]:
        """All of it, each node before those in it."""
        nodes = [self.root]
        for node in nodes:
            nodes.extend(node.args)
        return nodes


def resolve(node: Node) -> Resolution:
    """Resolve every name of a script; forms that are not well-formed count as ordinary calls."""
    allow_deep_recursion()
    resolver = _Resolver()
    main = FunctionScope(None)
    root = resolver.scoped(node, _Scope(None, main, (node,), loop=False))
    return Resolution(root, main, resolver.unbound, resolver.stray)


class _Scope:
    """What is visible in the scope of ``nodes``, and what is bound there later."""

    __slots__ = ("_later", "_nodes", "function", "loop", "outer", "seen")

    def __init__(self, outer: "_Scope | None", function: FunctionScope, nodes: Sequence[Node], *, loop: bool) -> None:
        self.outer = outer
        self.function = function
        self.loop = loop
        self.seen: dict[str, Variable] = {}
        self._nodes = nodes
        self._later: dict[str, Variable | None] | None = None

    def around(self) -> Iterator["_Scope"]:
        """This scope and those around it, innermost first."""
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def new(self, name: str) -> Variable:
        return Variable(name, self.function, self.loop)

    def bind(self, name: str) -> Variable:
        """The variable ``name`` from here on; binding it again in the same scope is the same variable."""
        later = self._later.get(name) if self._later is not None else None
        variable = self.seen.get(name) or later or self.new(name)
        variable.bound += 1
        self.seen[name] = variable
        return variable

    def find(self, name: str) -> Variable | None:
        """What ``name`` means here."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.seen:
                return scope.seen[name]
            scope = scope.outer
        for scope in self.around():
            if scope.function is not self.function:
                later = scope.later
                if name in later:
                    variable = later[name] = later[name] or scope.new(name)
                    variable.early = True
                    return variable
        return None

    @property
    def later(self) -> dict[str, Variable | None]:
        """The names that are bound anywhere in this scope, and the variables that functions have made of them."""
        if self._later is None:  # few names are used before they are bound
            self._later = dict.fromkeys(name for node in self._nodes for name in _bound_in(node))
        return self._later


class _Resolver:
    def __init__(self) -> None:
        self.unbound: list[tuple[Resolved, frozenset[str]]] = []
        self.stray: list[Call] = []

    def scoped(self, node: Node, scope: _Scope) -> Resolved:
        """``node`` in ``scope``, which opens with it."""
        resolved = self.resolve(node, scope)
        if scope.seen:
            own = [variable for variable in scope.seen.values() if variable.owner is scope.function]
            resolved.declares = (*own, *resolved.declares)
        return resolved

    def resolve(self, node: Node, scope: _Scope) -> Resolved:
        if isinstance(node, Literal):
            return Resolved(node)
        if not isinstance(node, Call) or not well_formed(node):
            return Resolved(node, self._all(children(node), scope))
        form = self._FORMS.get(node.op)
        resolved = form(self, node, scope) if form is not None else Resolved(node, self._all(node.args, scope))
        resolved.formed = True
        return resolved

    def _all(self, nodes: Iterable[Node], scope: _Scope) -> tuple[Resolved, ...]:
        return tuple([self.resolve(node, scope) for node in nodes])

    def _arm(self, node: Node, scope: _Scope) -> Resolved:
        return self.scoped(node, _Scope(scope, scope.function, (node,), loop=scope.loop))

    def _seq(self, node: Call, scope: _Scope) -> Resolved:
        inner = _Scope(scope, scope.function, node.args, loop=scope.loop)
        resolved = Resolved(node, self._all(node.args, inner))
        resolved.declares = (*inner.seen.values(),)
        return resolved

    def _let(self, node: Call, scope: _Scope) -> Resolved:
        name, value = _name(node, 0), node.args[1]
        if isinstance(value, Call) and value.op == "std.lambda":  # a function sees its own name
            variable = scope.bind(name)
            return Resolved(node, (self.resolve(value, scope),), variable)
        resolved = self.resolve(value, scope)
        return Resolved(node, (resolved,), scope.bind(name))

    def _use(self, node: Call, scope: _Scope) -> Resolved:
        name = ERROR if node.op == "std.error" else _name(node, 0)
        args = self._all(node.args[1:], scope)
        variable = scope.find(name)
        resolved = Resolved(node, args, variable)
        if variable is None:
            told = len(self.unbound) < TOLD
            visible = frozenset(name for around in scope.around() for name in around.seen) if told else frozenset()
            self.unbound.append((resolved, visible))
            return resolved
        changed = node.op == "std.set"
        variable.bound += changed
        capture(variable, scope.function, changed=changed)
        return resolved

    def _if(self, node: Call, scope: _Scope) -> Resolved:
        condition = self.resolve(node.args[0], scope)
        return Resolved(node, (condition, *[self._arm(arm, scope) for arm in node.args[1:]]))

    def _while(self, node: Call, scope: _Scope) -> Resolved:
        condition, body = node.args
        turn = _Scope(scope, scope.function, (condition,), loop=True)
        return Resolved(node, (self.scoped(condition, turn), self._arm(body, turn)))

    def _for(self, node: Call, scope: _Scope) -> Resolved:
        items = self.resolve(node.args[1], scope)
        inner = _Scope(scope, scope.function, (), loop=True)
        variable = inner.bind(_name(node, 0))
        return Resolved(node, (items, self._arm(node.args[2], inner)), variable)

    def _leave(self, node: Call, scope: _Scope) -> Resolved:
        if not scope.loop:
            self.stray.append(node)
        return Resolved(node)

    def _try(self, node: Call, scope: _Scope) -> Resolved:
        body = self._arm(node.args[0], scope)
        if len(node.args) == 1:
            return Resolved(node, (body,))
        inner = _Scope(scope, scope.function, (), loop=scope.loop)
        variable = inner.bind(_name(node, 1))
        error = inner.bind(ERROR)
        uses = _Uses(error)
        handler = [self._arm(arm, inner) for arm in node.args[2:]]
        return Resolved(node, (body, *handler), variable, error=error if uses.any(handler) else None)

    def _lambda(self, node: Call, scope: _Scope) -> Resolved:
        return self._function(node, scope, None)

    def _define(self, node: Call, scope: _Scope) -> Resolved:
        return self._function(node, scope, scope.bind(_name(node, 0)))

    def _function(self, node: Call, scope: _Scope, variable: Variable | None) -> Resolved:
        function = FunctionScope(scope.function)
        names = node.args[-2]
        inner = _Scope(scope, function, (), loop=False)
        if isinstance(names, Literal) and isinstance(names.value, list):
            function.parameters = [inner.new(str(name)) for name in names.value]
            inner.seen.update((parameter.name, parameter) for parameter in function.parameters)
        body = self._arm(node.args[-1], inner)
        return Resolved(node, (body,), variable, function)

    def _params(self, node: Call, scope: _Scope) -> Resolved:
        declared = tuple(parameter(arg.value) for arg in node.args if isinstance(arg, Literal))
        variables = tuple(scope.bind(each.name) for each in declared)
        return Resolved(node, self._all(node.args, scope), parameters=variables, declared=declared)

    def _tasks(self, node: Call, scope: _Scope) -> Resolved:
        functions = tuple(FunctionScope(scope.function) for _ in node.args)
        args = tuple(
            self.scoped(arg, _Scope(scope, function, (arg,), loop=False))
            for arg, function in zip(node.args, functions, strict=True)
        )
        return Resolved(node, args, tasks=functions)

    def _with_timeout(self, node: Call, scope: _Scope) -> Resolved:
        return Resolved(node, (self.resolve(node.args[0], scope), self._arm(node.args[1], scope)))

    def _maybe(self, node: Call, scope: _Scope) -> Resolved:
        """Arguments that may not be evaluated: what they bind is visible behind them, but may be null."""
        before = len(scope.seen)
        args = self._all(node.args, scope)
        for name in islice(reversed(scope.seen), len(scope.seen) - before):
            scope.seen[name].early = True
        return Resolved(node, args)

    _FORMS: ClassVar[Mapping[str, Callable[[Any, Call, _Scope], Resolved]]] = {
        "std.seq": _seq,
        "std.let": _let,
        "std.set": _use,
        "std.var": _use,
        "std.error": _use,
        "std.if": _if,
        "std.while": _while,
        "std.for": _for,
        "std.break": _leave,
        "std.continue": _leave,
        "std.try": _try,
        "std.lambda": _lambda,
        "std.define": _define,
        "std.params": _params,
        "par.all": _tasks,
        "std.with_timeout": _with_timeout,
        "and": _maybe,
        "or": _maybe,
        "guard": _maybe,
        "nullish": _maybe,
    }


@dataclass(slots=True)
class _Uses:
    """Whether a variable is used in resolved nodes."""

    variable: Variable

    def any(self, nodes: Iterable[Resolved]) -> bool:
        pending = list(nodes)
        while pending:
            node = pending.pop()
            if node.variable is self.variable:
                return True
            pending.extend(node.args)
        return False


def capture(variable: Variable, function: FunctionScope, *, changed: bool) -> None:
    """Note that ``function`` uses ``variable``, and whether it gives it a value."""
    if variable.owner is function:
        return
    variable.captured = True
    variable.set_inside = variable.set_inside or changed
    inner: FunctionScope | None = function
    while inner is not None and inner is not variable.owner:
        inner.free[variable] = None
        if changed:
            inner.set_free[variable] = None
        inner = inner.outer


def _name(call: Call, index: int) -> str:
    name = call.args[index]
    assert isinstance(name, Literal)
    return str(name.value)


def _bound_in(node: Node) -> Iterator[str]:
    """Names that ``node`` binds in the scope it stands in; scopes that open within it do not count."""
    pending = [node]
    while pending:
        current = pending.pop()
        if not isinstance(current, Call) or not well_formed(current):
            pending.extend(children(current))
        elif current.op in ("std.let", "std.define"):
            yield _name(current, 0)
            pending.extend(current.args[1:] if current.op == "std.let" else ())
        elif current.op in ("std.if", "std.with_timeout"):
            pending.append(current.args[0])
        elif current.op == "std.for":
            pending.append(current.args[1])
        elif current.op not in ("std.seq", "std.while", "std.try", "std.lambda", "par.all", "std.quote"):
            pending.extend(current.args)
