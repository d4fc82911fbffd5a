"""Writing Python functions: names, variables, destinations, blocks and parts; the emitter decides what is written."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from mintaka.lang.scopes import Resolved, Variable
from mintaka.lang.spans import Span
from mintaka.runtime.frames import MOST_BLOCKS, Frame, Signal
from mintaka.runtime.pynodes import Expr, Nodes, Stmt


@dataclass(frozen=True, slots=True)
class Site:
    """Where a line of generated code comes from."""

    op: str
    span: Span


@dataclass(frozen=True, slots=True)
class Into:
    """The value goes into a Python variable."""

    name: str


class Elsewhere(Enum):
    """Other places a value can go to."""

    DISCARD = auto()
    """Nobody wants it."""
    RETURN = auto()
    """It is what the function returns."""


Destination: TypeAlias = Into | Elsewhere
DISCARD, RETURN = Elsewhere.DISCARD, Elsewhere.RETURN


class Writer:
    """Writes statements into the frame at hand."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        """Line n of the code stands for ``sites[n - 1]``."""
        self.helpers: dict[str, str] = {}
        """Helper → the parameter of ``outer`` it is passed as, in order."""
        self._symbols = 0
        self._names: dict[Variable, str] = {}
        self._moments = 0
        self._costly = 0
        """Calls written so far that may make much, and so let the census look."""
        self._stored: dict[str, int] = {}
        """Name of a variable → the moment of writing at which it was last given a value."""
        self._known: dict[str, tuple[int, int]] = {}
        """Name of a variable → the kinds that guards on the way to here left of it, and the moment of the last."""
        self._settled: set[str] = set()
        """Names of variables that never get another value than their first."""
        self._exposed: set[str] = set()
        """Names of variables that other functions give values to."""
        self._homes: dict[str, Frame] = {}
        self._frame = Frame(depth="")
        self._at = Nodes(1)

    def _symbol(self, prefix: str) -> str:
        self._symbols += 1
        return f"{prefix}{self._symbols}"

    def _helper(self, helper: str) -> str:
        if helper not in self.helpers:
            self.helpers[helper] = self._symbol("h")
        return self.helpers[helper]

    def _temporary(self) -> str:
        name = self._symbol("t")
        self._homes[name] = self._frame
        return name

    def _all(self, args: Sequence[Resolved], *, loose: bool = False) -> list[Expr]:
        """The values of arguments, evaluated from left to right: the emitter's work."""
        raise NotImplementedError

    def _do(self, *statements: Stmt) -> None:
        self._frame.body.extend(statements)

    def _assign(self, name: str, value: Expr) -> None:
        home = self._homes[name]
        if home is not self._frame:
            self._frame.rebinds[name] = None
            home.shared[name] = None
        if not (isinstance(value, ast.Name) and value.id == name):
            self._store(name, value)

    def _store(self, name: str, value: Expr) -> None:
        """Give a name of this frame a value."""
        self._do(self._stored_in(name, value))

    def _stored_in(self, name: str, value: Expr) -> Stmt:
        self._moments += 1
        self._stored[name] = self._moments
        return self._at.assign(name, value)

    def _target(self, variable: Variable) -> str | None:
        """The name that a value meant for ``variable`` can be written to at once."""
        name = self._names[variable]
        return name if not boxed(variable) and self._homes[name] is self._frame else None

    def _declare(self, variable: Variable) -> str:
        name = self._symbol("v")
        self._names[variable] = name
        if variable.set_inside:
            self._exposed.add(name)
        self._homes[name] = self._frame
        return name

    def _open(self, resolved: Resolved) -> None:
        """Make the variables of the scope that opens with ``resolved``."""
        for variable in resolved.declares:
            if variable in self._names:
                continue
            name = self._declare(variable)
            if variable.bound == 1:
                self._settled.add(name)
            if boxed(variable):
                self._do(self._at.assign(name, self._at.array([self._at.constant(None)])))
            elif variable.early:
                self._do(self._at.assign(name, self._at.constant(None)))

    def _bind(self, variable: Variable, value: Expr) -> None:
        """Give a variable that its scope holds already a value."""
        if boxed(variable):
            self._do(self._at.assign_item(self._at.name(self._names[variable]), self._at.constant(0), value))
        else:
            self._assign(self._names[variable], value)

    def _bind_new(self, variable: Variable, value: Expr) -> None:
        """Make a variable with a value."""
        name = self._declare(variable)
        self._store(name, self._at.array([value]) if boxed(variable) else value)

    def _read(self, variable: Variable | None) -> Expr:
        if variable is None:
            return self._at.constant(None)
        name = self._names[variable]
        return self._at.item(name, 0) if boxed(variable) else self._at.name(name)

    def _depth(self) -> Expr:
        function = self._frame.function
        if function.here:
            function.used = True
            return self._at.name(function.here)
        function.calls = True
        return self._at.name(function.depth)

    def _with_depth(self, source: Callable[[], Expr], write: Callable[[], None]) -> None:
        """A block with a depth of its own, one link of ``source``, taken if it is needed."""
        function = self._frame.function
        before, here = (function.here, function.used), self._symbol("d")
        function.here, function.used = here, False
        statements = self._block(write)
        used = function.used
        function.here, function.used = before
        if used:
            self._do(self._at.unpack(here, source()))
        self._do(*statements)

    def _enter(self, op: str, span: Span) -> Nodes:
        """Lines from here on stand for a call; gives what they stood for before."""
        outer = self._at
        self.sites.append(Site(op, span))
        self._at = Nodes(len(self.sites))
        return outer

    def _put(self, value: Expr, destination: Destination) -> None:
        if isinstance(destination, Into):
            self._assign(destination.name, value)
        elif destination is RETURN:
            self._answer(value)
        elif not isinstance(value, ast.Name | ast.Constant):
            self._do(self._at.do(value))

    def _answer(self, value: Expr) -> None:
        """Return a value from the script's function."""
        if not self._frame.signals:
            self._do(self._at.return_(value))
            return
        answering = self._frame.answering
        answering.result = answering.result or self._symbol("r")
        self._homes[answering.result] = answering
        self._assign(answering.result, value)
        self._signal(Signal.RETURN)

    def _signal(self, signal: Signal) -> None:
        self._frame.told.add(signal)
        self._do(self._at.return_(self._at.constant(int(signal))))

    def _keep(self, value: Expr) -> Expr:
        """``value`` in a variable of its own."""
        return value if isinstance(value, ast.Constant) else self._copied(value)

    def _copied(self, value: Expr) -> ast.Name:
        """``value`` in a variable of its own, constants too."""
        name = self._temporary()
        self._do(self._at.assign(name, value))
        return self._at.name(name)

    def _block(self, write: Callable[[], None]) -> list[Stmt]:
        """The statements that ``write`` emits."""
        outer, known = self._frame.body, self._known
        self._frame.body, self._known = [], dict(known)
        write()
        statements, self._frame.body = self._frame.body, outer
        self._known = known  # code behind the block may be reached without it
        return statements

    def _deeper(self, write: Callable[[], None], destination: Destination, *, blocks: int) -> list[Stmt]:
        """The statements that ``write`` emits, ``blocks`` of Python deeper than here; a part if that is too deep."""
        frame = self._frame
        frame.blocks += blocks
        cut = frame.blocks >= MOST_BLOCKS
        statements = self._block((lambda: self._part(destination, write)) if cut else write)
        frame.blocks -= blocks
        return statements

    def _forget(self, code: Sequence[Resolved]) -> None:
        """Drop what guards told of variables that ``code``, which may have run before, gives values to."""
        pending = list(code) if self._known else []
        while pending:
            current = pending.pop()
            pending.extend(current.args)
            if current.variable is not None and current.op != "std.var":
                self._known.pop(self._names.get(current.variable, ""), None)

    def _part(self, destination: Destination, write: Callable[[], None]) -> None:
        """Emit a block as an inner function and call it."""
        outer = self._frame
        tail = destination is RETURN and not outer.signals
        part = Frame(depth=outer.depth, caller=outer, signals=not tail)
        self._frame = part
        write()
        self._frame = outer
        name = self._symbol("p")
        self._do(self._at.function(name, [], self._finished(part)))
        called = self._at.call(name)
        if tail:
            self._do(self._at.return_(called))
            return
        if not part.told:
            self._do(self._at.do(called))
            return
        told = self._temporary()
        self._do(self._at.assign(told, called))
        for signal in sorted(part.told):
            leave = self._block(lambda signal=signal: self._pass_on(signal))  # type: ignore[misc]
            self._do(self._at.if_(self._at.compare(ast.Eq(), self._at.name(told), int(signal)), leave, []))

    def _pass_on(self, signal: Signal) -> None:
        """Do what a part asked for."""
        if signal is not Signal.RETURN:
            self._jump(signal)
        elif self._frame.signals:
            self._signal(signal)
        else:
            self._do(self._at.return_(self._at.name(self._frame.result)))

    def _jump(self, signal: Signal) -> None:
        if self._frame.loops:
            self._do(self._at.break_() if signal is Signal.BREAK else self._at.continue_())
        else:
            self._signal(signal)

    def _finished(self, frame: Frame) -> list[Stmt]:
        """The body of a frame with what must stand in front of it."""
        front: list[Stmt] = []
        if frame.rebinds:
            front.append(self._at.nonlocal_(list(frame.rebinds)))
        for name in frame.shared:
            if name not in frame.parameters and name not in frame.rebinds:
                front.append(self._at.assign(name, self._at.constant(None)))
        if frame.calls and frame.caller is None:
            front.append(self._at.unpack(frame.depth, self._at.name(passed(frame.depth))))
        return [*front, *frame.body]


def passed(depth: str) -> str:
    """The parameter that a function gets its depth in."""
    return f"l{depth[1:]}"


def boxed(variable: Variable) -> bool:
    """Whether a variable lives in a box (a list of one) because functions keep one of several turns' variables."""
    return variable.captured and variable.in_loop
