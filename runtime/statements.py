"""Statements: control flow, variables and functions, as blocks with their price of fuel in front."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from mintaka.lang.parameters import Parameter
from mintaka.lang.scopes import FunctionScope, Resolved
from mintaka.lang.tree import Data
from mintaka.runtime.callbacks import Callbacks
from mintaka.runtime.frames import Frame, Head, Signal
from mintaka.runtime.lattice import LIST
from mintaka.runtime.prices import price
from mintaka.runtime.pynodes import Expr, Stmt
from mintaka.runtime.writer import DISCARD, RETURN, Destination, passed


class Statements(Callbacks):
    """Writes statements."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: tuple[Parameter, ...] = ()
        """What ``std.params`` declares."""
        self.bytes_per_tick = 0
        """Bytes of data that a unit of fuel can make without accounting for them."""

    def _emit(self, resolved: Resolved, destination: Destination) -> None:
        raise NotImplementedError

    def _literal(self, data: Data) -> Expr:
        raise NotImplementedError

    # Blocks and what they cost

    def _arm(self, resolved: Resolved, destination: Destination, *, blocks: int = 0) -> list[Stmt]:
        """A block of its own, ``blocks`` of Python deeper than here."""

        def write() -> None:
            self._priced(resolved, lambda: self._emit(resolved, destination))

        return self._deeper(write, destination, blocks=blocks)

    def _priced(self, resolved: Resolved, write: Callable[[], None]) -> None:
        """What ``write`` emits for a block, behind what the block costs."""
        cost = price(resolved)
        self.bytes_per_tick = max(self.bytes_per_tick, cost.makes)
        if cost.applies:
            self._do(self._pay())
        self._charge(cost.extra)
        function = self._frame.function
        if (
            cost.applies and not function.here
        ):  # taken where calls are, so that a function that does not get there is quick
            self._with_depth(lambda: self._at.name(passed(function.depth)), write)
        else:
            write()

    def _loop(
        self,
        turn: Callable[[], None],
        block: Sequence[Resolved],
        item: str | None,
        items: Expr,
        *,
        within: Sequence[Resolved] = (),
    ) -> None:
        """``for _ in items: turn``; the first element of each turn is the tick that pays for it.

        ``block`` is the code of a turn that is paid for here, ``within`` other code of it.
        """

        def write() -> None:
            self._forget([*block, *within])  # a turn may come from the end of the one before
            cost = price(*block)
            self.bytes_per_tick = max(self.bytes_per_tick, cost.makes)
            self._charge(cost.extra)
            turn()

        head = Head(self._symbols)
        self._frame.loops += 1
        self._frame.heads.append(head)
        body = self._deeper(write, DISCARD, blocks=1)
        self._frame.heads.pop()
        self._frame.loops -= 1
        self._do(*[self._at.assign(name, test) for name, test in head.tests.values()])
        self._do(self._at.for_("_", item, items, body))

    def _charge(self, units: int) -> None:
        if units:
            self._do(self._at.do(self._at.call(self._helper("charge"), [self._at.constant(units)])))

    def _tick(self) -> Expr:
        return self._at.name(self._helper("tick"))

    def _function(self, name: str, function: FunctionScope, body: Resolved, boxes: Sequence[str]) -> Stmt:
        """A function of the script."""
        outer, known = self._frame, self._known
        self._frame = frame = Frame(depth=self._symbol("d"))
        self._known = {}
        names = [self._declare(parameter) for parameter in function.parameters]
        frame.parameters = frozenset(names)
        self._settled.update(name for name, given in zip(names, function.parameters, strict=True) if not given.bound)
        frame.body = self._arm(body, RETURN)
        self._frame, self._known = outer, known
        return self._at.function(
            name,
            [passed(frame.depth), *names],
            self._finished(frame),
            boxes=boxes,
            home=function not in self._calls.escaping,
        )

    # Statements

    def _seq(self, resolved: Resolved, destination: Destination) -> None:
        if not resolved.args:
            self._put(self._at.constant(None), destination)
            return
        for step in resolved.args[:-1]:
            self._emit(step, DISCARD)
        self._emit(resolved.args[-1], destination)

    def _if(self, resolved: Resolved, destination: Destination) -> None:
        test = self._test(resolved.args[0])
        then = self._arm(resolved.args[1], destination)
        if len(resolved.args) == 3:
            other = self._arm(resolved.args[2], destination)
        else:
            other = self._block(lambda: self._put(self._at.constant(None), destination))
        self._do(self._at.if_(test, then, other))

    def _while(self, resolved: Resolved, destination: Destination) -> None:
        condition, body = resolved.args

        def turn() -> None:
            test = self._test(condition)
            self._do(self._at.if_(self._at.negate(test), self._block(lambda: self._jump(Signal.BREAK)), []))
            self._emit(body, DISCARD)

        self._loop(turn, [condition, body], None, self._tick())
        self._put(self._at.constant(None), destination)

    def _for(self, resolved: Resolved, destination: Destination) -> None:
        items, body = resolved.args
        variable = resolved.variable
        assert variable is not None
        each = self._value(items)
        if not self._facts.of(items).only(LIST):
            each = self._at.call(self._helper("items"), [each])
        each = self._named(each)  # in a variable, where the census sees it
        item = self._symbol("t")

        def turn() -> None:
            self._bind_new(variable, self._at.name(item))
            if variable.bound == 1:
                self._settled.add(self._names[variable])
            self._emit(body, DISCARD)

        self._loop(turn, [body], item, self._turns(each))
        self._put(self._at.constant(None), destination)

    def _leave(self, resolved: Resolved, destination: Destination) -> None:
        self._jump(Signal.BREAK if resolved.op == "std.break" else Signal.CONTINUE)

    def _return(self, resolved: Resolved, destination: Destination) -> None:
        if not resolved.args:
            self._answer(self._at.constant(None))
        elif self._frame.caller is None and not self._frame.blocks:
            self._emit(resolved.args[0], RETURN)
        else:  # within a loop its value may still `break` out of it, which a function that returns it could not
            self._answer(self._value(resolved.args[0]))

    def _assignment(self, resolved: Resolved, destination: Destination) -> None:
        variable = resolved.variable
        if variable is None:  # nothing is bound: only the value matters
            self._emit(resolved.args[0], destination)
            return
        self._bind(variable, self._value(resolved.args[0], self._target(variable)))
        if destination is not DISCARD:
            self._put(self._read(variable), destination)

    def _try(self, resolved: Resolved, destination: Destination) -> None:
        body = self._arm(resolved.args[0], destination, blocks=1)
        caught = self._symbol("e")

        def handle() -> None:
            error = self._keep(self._at.call(self._helper("caught"), [self._at.name(caught)]))
            if resolved.variable is not None:
                self._bind_new(resolved.variable, self._at.call(self._helper("thrown"), [error]))
            if resolved.error is not None:
                self._bind_new(resolved.error, self._at.call(self._helper("record"), [error]))
            if len(resolved.args) == 2:
                self._do(*self._arm(resolved.args[1], destination))
            else:
                self._put(self._at.constant(None), destination)

        handler = self._deeper(handle, destination, blocks=3)
        self._do(self._at.try_(body, self._helper("errors"), caught, handler, []))

    def _with_timeout(self, resolved: Resolved, destination: Destination) -> None:
        seconds = self._value(resolved.args[0])
        limit = self._keep(self._at.call(self._helper("begin_timeout"), [seconds]))
        body = self._arm(resolved.args[1], destination, blocks=3)
        caught = self._symbol("e")
        told = self._at.do(self._at.call(self._helper("timed_out"), [self._at.name(caught), limit]))
        end = self._at.do(self._at.call(self._helper("end_timeout"), [limit]))
        self._do(self._at.try_(body, self._helper("errors"), caught, [told], [end]))

    def _params(self, resolved: Resolved, destination: Destination) -> None:
        self.parameters = resolved.declared
        values = self._temporary()
        self._do(self._at.assign(values, self._at.call(self._helper("parameters"))))
        for index, variable in enumerate(resolved.parameters):
            self._bind(variable, self._at.item(values, index))
        self._put(self._at.constant(None), destination)

    _STATEMENTS: ClassVar[Mapping[str, Callable[[Any, Resolved, Destination], None]]] = {
        "std.seq": _seq,
        "std.if": _if,
        "std.while": _while,
        "std.for": _for,
        "std.break": _leave,
        "std.continue": _leave,
        "std.return": _return,
        "std.let": _assignment,
        "std.set": _assignment,
        "std.try": _try,
        "std.with_timeout": _with_timeout,
        "std.params": _params,
    }
    """How forms are written that are no expressions."""
