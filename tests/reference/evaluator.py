"""The meaning of the language: a plain evaluator that walks the tree, which every other way to run a program must meet.

Forms, scope, errors, the order of evaluation, depth and fuel are defined here and nowhere else in so few words; it has
no regard to speed. What ops do is taken from the table, where `mintaka.runtime.ops` has them, save for those that a
compiler may write in line: their meaning stands in `tests.reference.core_ops` once more. An `Evaluator` is itself what
ops are given as their run. Tasks of ``par.*`` are done one after the other.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, TypeVar, cast

from mintaka.lang.forms import FORMS
from mintaka.lang.kinds import named
from mintaka.lang.parameters import parameter
from mintaka.lang.tree import Call, Data, Group, Literal, Node
from mintaka.runtime.arguments import bind_parameters
from mintaka.runtime.budget import Budget
from mintaka.runtime.errors import HostFault, OutOfFuel, ScriptError, Stopped, Thrown, TooDeep, TypeFault
from mintaka.runtime.ops import Op, OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.types import described
from mintaka.runtime.values import HostObject, Value
from tests.reference.blocks import bound_in, name_of, price
from tests.reference.core_ops import CORE_OPS, truth

T = TypeVar("T")

ERROR = "(error)"
"""What a handler's record of the error is bound to."""


class Leave(BaseException):
    """Control that leaves an expression without a value."""


class Break(Leave):
    """``std.break``."""


class Continue(Leave):
    """``std.continue``."""


class Return(Leave):
    """``std.return``."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Cell:
    """A variable: null until it is bound."""

    def __init__(self, value: Value = None) -> None:
        self.value = value


class Scope:
    """What names mean in one place: what is visible there, and what functions made there see in addition, later on."""

    def __init__(
        self,
        outer: "Scope | None",
        binds: Iterable[str] = (),
        *,
        function: object = None,
        visible: dict[str, Cell] | None = None,
    ) -> None:
        inherited: dict[str, Cell] = outer.visible if outer is not None else {}
        self.outer = outer
        self.function: object = function if function is not None or outer is None else outer.function
        self.visible: dict[str, Cell] = dict(inherited if visible is None else visible)
        self.own = {name: Cell() for name in binds}
        self.later = frozenset(self.own)

    def show(self, name: str) -> Cell:
        """Make the scope's own variable of that name visible from here on."""
        cell = self.own.setdefault(name, Cell())
        self.visible[name] = cell
        return cell

    def find(self, name: str) -> Cell | None:
        """What is visible; failing that, what the scopes around the function bind later."""
        if name in self.visible:
            return self.visible[name]
        scope: Scope | None = self
        while scope is not None:
            if name in scope.later and scope.function is not self.function:
                return scope.own[name]
            scope = scope.outer
        return None


class Evaluator:
    """Evaluates one program once. ``used`` is the fuel it took, also when it failed."""

    def __init__(self, ops: OpTable, *, budget: Budget, powers: Powers, args: Sequence[Value] = ()) -> None:
        self.ops = ops
        self.budget = budget
        self.powers = powers
        self.args = list(args)
        self.used = 0
        self.calls = 0
        self.depth = 0
        self.deepest = 0
        """The most calls that were going on at once."""
        self._bound_in = _remembered(bound_in)
        self._price = _remembered(price)
        self._forms: dict[str, Callable[[Call, Scope], Value]] = {
            "std.seq": self._seq,
            "std.if": self._if,
            "std.while": self._while,
            "std.for": self._for,
            "std.break": self._break,
            "std.continue": self._continue,
            "std.return": self._return,
            "std.let": self._let,
            "std.set": self._set,
            "std.var": self._var,
            "std.quote": lambda call, scope: fresh(_data(call.args[0])),
            "std.lambda": self._lambda,
            "std.define": self._define,
            "std.apply": self._apply,
            "std.try": self._try,
            "std.error": self._error,
            "std.with_timeout": self._with_timeout,
            "std.params": self._params,
            "obj.new": self._object,
            "par.all": self._together,
            "and": self._and,
            "or": self._or,
            "guard": self._guard,
            "nullish": self._nullish,
        }
        assert self._forms.keys() == FORMS.keys()

    def run(self, program: Node) -> Value:
        """The value of a whole program."""
        return self._body(program, Scope(None, self._bound_in(program), function=object()))

    def value(self, node: Node, scope: Scope) -> Value:
        """The value of an expression. An error that passes is given the op and the place it comes from."""
        if isinstance(node, Literal):
            return fresh(node.value)
        assert isinstance(node, Call)
        try:
            form = self._forms.get(node.op)
            return form(node, scope) if form is not None else self._op(node, scope)
        except ScriptError as error:
            if error.span is None:
                error.op, error.span = error.op or node.op, node.span
            raise

    # Blocks, and what they cost

    def _block(self, node: Node, scope: Scope) -> Value:
        """The value of a block: a scope of its own, paid for as it begins."""
        applies, units = self._price(node)
        self.charge(applies + units)
        return self.value(node, Scope(scope, self._bound_in(node)))

    def _body(self, node: Node, scope: Scope) -> Value:
        """The value of a function's body, or of the script."""
        applies, units = self._price(node)
        self.charge(applies + units)
        try:
            return self.value(node, scope)
        except Return as leave:
            return leave.value

    def _seq(self, call: Call, scope: Scope) -> Value:
        inner = Scope(scope, [name for step in call.args for name in self._bound_in(step)])
        result: Value = None
        for step in call.args:
            result = self.value(step, inner)
        return result

    def _if(self, call: Call, scope: Scope) -> Value:
        if truth(self.value(call.args[0], scope)):
            return self._block(call.args[1], scope)
        return self._block(call.args[2], scope) if len(call.args) == 3 else None

    def _while(self, call: Call, scope: Scope) -> Value:
        condition, body = call.args
        _, units = self._price(condition, body)
        while True:
            self.charge(1 + units)
            turn = Scope(scope, self._bound_in(condition))
            try:
                if not truth(self.value(condition, turn)):
                    return None
                self.value(body, Scope(turn, self._bound_in(body)))
            except Continue:
                continue
            except Break:
                return None

    def _for(self, call: Call, scope: Scope) -> Value:
        items, body = self.value(call.args[1], scope), call.args[2]
        _, units = self._price(body)
        index = 0
        while True:
            self.charge(1)
            if not isinstance(items, list) or index >= len(items):
                return None
            self.charge(units)
            turn = Scope(scope)
            turn.show(name_of(call)).value = items[index]
            index += 1
            try:
                self.value(body, Scope(turn, self._bound_in(body)))
            except Continue:
                continue
            except Break:
                return None

    def _break(self, call: Call, scope: Scope) -> Value:
        raise Break

    def _continue(self, call: Call, scope: Scope) -> Value:
        raise Continue

    def _return(self, call: Call, scope: Scope) -> Value:
        raise Return(self.value(call.args[0], scope) if call.args else None)

    # Variables

    def _let(self, call: Call, scope: Scope) -> Value:
        name, node = name_of(call), call.args[1]
        if isinstance(node, Call) and node.op == "std.lambda":  # a function sees its own name
            scope.show(name)
        value = self.value(node, scope)
        scope.show(name).value = value
        return value

    def _set(self, call: Call, scope: Scope) -> Value:
        value = self.value(call.args[1], scope)
        cell = scope.find(name_of(call))
        if cell is not None:
            cell.value = value
        return value

    def _var(self, call: Call, scope: Scope) -> Value:
        cell = scope.find(name_of(call))
        return cell.value if cell is not None else None

    def _params(self, call: Call, scope: Scope) -> Value:
        declared = [_data(arg) for arg in call.args]
        parameters = [parameter(each) for each in declared]
        for declaration, value in zip(declared, bind_parameters(parameters, self.args), strict=True):
            assert isinstance(declaration, list)
            scope.show(str(declaration[0])).value = value
        return None

    # Functions

    def _lambda(self, call: Call, scope: Scope) -> Value:
        names, body = _data(call.args[-2]), call.args[-1]
        assert isinstance(names, list)
        visible = dict(scope.visible)  # what is bound here later does not hide what is visible now

        def function(*args: Value) -> Value:
            inner = Scope(scope, function=object(), visible=visible)
            for index, name in enumerate(names):
                inner.show(str(name)).value = args[index] if index < len(args) else None
            return self._body(body, Scope(inner, self._bound_in(body)))

        function.form = call  # type: ignore[attr-defined]
        return cast(FunctionType, function)

    def _define(self, call: Call, scope: Scope) -> Value:
        cell = scope.show(name_of(call))
        cell.value = self._lambda(call, scope)
        return cell.value

    def _apply(self, call: Call, scope: Scope) -> Value:
        function, *args = [self.value(arg, scope) for arg in call.args]
        if not isinstance(function, FunctionType):
            raise TypeFault(f"Only a function can be called, and this is {described(function)}.")
        return self.apply(function, *args)

    def _together(self, call: Call, scope: Scope) -> Value:
        def task(node: Node) -> Value:
            return self._deeper(lambda: self._body(node, Scope(scope, self._bound_in(node), function=object())))

        self.charge(16 + 8 * len(call.args))
        return [task(arg) for arg in call.args]

    def _deeper(self, body: Callable[[], T]) -> T:
        """A call of a function within those that are going on."""
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        try:
            if self.depth > self.budget.depth:
                raise TooDeep("Calls are nested too deeply. Look for a function that calls itself without end.")
            return body()
        finally:
            self.depth -= 1

    # Errors

    def _try(self, call: Call, scope: Scope) -> Value:
        try:
            return self._block(call.args[0], scope)
        except Stopped:
            raise
        except ScriptError as error:
            caught = error
        if len(call.args) < 3:
            return None
        inner = Scope(scope)
        inner.show(name_of(call, 1)).value = caught.value if isinstance(caught, Thrown) else caught.message
        inner.show(ERROR).value = record(caught)
        return self._block(call.args[2], inner)

    def _error(self, call: Call, scope: Scope) -> Value:
        cell = scope.find(ERROR)
        return cell.value if cell is not None else None

    def _with_timeout(self, call: Call, scope: Scope) -> Value:
        seconds = self.value(call.args[0], scope)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            word = described(seconds)
            raise TypeFault(f"`std.with_timeout` takes a number of seconds, not {word}.")
        return self._block(call.args[1], scope)

    # Data and logic

    def _object(self, call: Call, scope: Scope) -> Value:
        result: dict[str, Value] = {}
        for key, value in [
            [self.value(part, scope) for part in pair.items] for pair in call.args if isinstance(pair, Group)
        ]:
            if not isinstance(key, str):
                raise TypeFault(f"`obj.new` wants a string as key, not {described(key)}.")
            result[key] = value
        return result

    def _and(self, call: Call, scope: Scope) -> Value:
        return self._until(call, scope, True, lambda value: not truth(value), truth)

    def _or(self, call: Call, scope: Scope) -> Value:
        return self._until(call, scope, False, truth, truth)

    def _guard(self, call: Call, scope: Scope) -> Value:
        return self._until(call, scope, None, lambda value: not truth(value), lambda value: value)

    def _nullish(self, call: Call, scope: Scope) -> Value:
        return self._until(call, scope, None, lambda value: value is not None, lambda value: value)

    def _until(
        self,
        call: Call,
        scope: Scope,
        result: Value,
        settles: Callable[[Value], bool],
        made: Callable[[Value], Value],
    ) -> Value:
        """Evaluate the arguments up to one that settles the matter; the others' variables are bound to null."""
        for arg in call.args:
            value = self.value(arg, scope)
            result = made(value)
            if settles(value):
                break
        for arg in call.args:
            for name in self._bound_in(arg):
                scope.show(name)
        return result

    # Ops

    def _op(self, call: Call, scope: Scope) -> Value:
        op = self.ops.get(call.op)
        assert op is not None, f"the checker lets no unknown op through: {call.op}"
        args = [self.value(arg, scope) for arg in call.args]
        check_types(op, args)
        if op.name in CORE_OPS:
            return CORE_OPS[op.name](self, *args)
        result: Value = op.function(self, *args) if op.takes_run else op.function(*args)
        return result

    # What ops use of a run

    def charge(self, units: int) -> None:
        """Pay fuel."""
        self.used += max(0, units)
        if self.used > self.budget.fuel:
            self.used = self.budget.fuel
            raise OutOfFuel("The script used up its fuel.")

    def allocate(self, cells: int) -> None:
        """Memory is no matter of meaning."""

    def build(self, cells: int) -> None:
        """Pay for a list or a text of so many cells."""
        self.charge(cells >> 4)

    def metered(self, items: Iterable[T]) -> Iterator[T]:
        """``items``: a unit for each, and one at the end."""
        for item in items:
            self.charge(1)
            yield item
        self.charge(1)

    def apply(self, function: FunctionType, *args: Value) -> Value:
        """Call a function of the script."""
        return cast(Value, self._deeper(lambda: function(*args)))

    def source(self, function: FunctionType) -> Call:
        """The form a function was made by."""
        form: Call = function.form  # type: ignore[attr-defined]
        return form

    def together(self, count: int, task: Callable[[int], Value]) -> list[Value]:
        """One task after the other."""
        self.charge(16 + 8 * count)
        return [task(index) for index in range(count)]

    def call_method(self, host: HostObject, method: str, args: list[Value]) -> Value:
        """Call a method of the host and wait for it, whatever it waits for."""
        if self.calls >= self.budget.calls:
            raise HostFault(
                f"The script has made its {self.budget.calls} calls. Run it with a larger budget of calls.",
                kind="no_budget",
            )
        self.calls += 1
        awaited = host.call(self, method, args).__await__()  # type: ignore[arg-type]
        while True:
            try:
                next(awaited)
            except StopIteration as done:
                result: Value = done.value
                return result
            except ScriptError:
                raise
            except Exception:
                raise ScriptError("Something went wrong inside an op; the script is not to blame.") from None

    def time(self) -> float:
        """The time, as UTC epoch seconds."""
        return self.powers.clock()

    def emit(self, kind: str, data: Any) -> None:
        """Tell whoever watches."""
        self.powers.emit(kind, data)


def check_types(op: Op, args: Sequence[Value]) -> None:
    """Refuse arguments that are not of the types of an op's signature."""
    for index, value in enumerate(args):
        wanted = op.parameters[min(index, len(op.parameters) - 1)]
        if not wanted.type.takes(value):
            kinds = f"{named(wanted.type.kinds)} as `{wanted.name}`, not {described(value)}"
            raise TypeFault(f"`{op.name}` wants {kinds}.", op=op.name)


def record(error: ScriptError) -> dict[str, Value]:
    """What ``std.error`` tells of an error."""
    assert error.span is not None
    return {
        "code": error.kind,
        "message": error.message,
        "op": error.op,
        "line": error.span.line or None,
        "column": error.span.column if error.span.line else None,
        "hint": error.hint,
        "data": dict(error.data),  # type: ignore[arg-type]
    }


def fresh(data: Data) -> Value:
    """Data as a value of its own."""
    if isinstance(data, list):
        return [fresh(item) for item in data]
    if isinstance(data, dict):
        return {key: fresh(item) for key, item in data.items()}
    return data


def _data(node: Node) -> Data:
    assert isinstance(node, Literal)
    return node.value


def _remembered(function: Callable[..., T]) -> Callable[..., T]:
    """``function`` of nodes, asked once for the same ones of a tree that is not let go."""
    answers: dict[tuple[int, ...], T] = {}

    def remembered(*nodes: Node) -> T:
        key = tuple(map(id, nodes))
        if key not in answers:
            answers[key] = function(*nodes)
        return answers[key]

    return remembered
