"""The few Python `ast` nodes that generated code is made of, each with the site it stands for as its line."""

import ast
from collections.abc import Sequence
from typing import TypeVar

Expr = ast.expr
Stmt = ast.stmt
Placed = TypeVar("Placed", bound=ast.expr | ast.stmt | ast.arg | ast.excepthandler)

# These nodes say nothing but which they are, so one of each is enough.
_LOAD, _STORE = ast.Load(), ast.Store()
_AND, _OR, _NOT = ast.And(), ast.Or(), ast.Not()
_IS, _IS_NOT, _EQUAL, _UNEQUAL = ast.Is(), ast.IsNot(), ast.Eq(), ast.NotEq()


class Nodes:
    """Makes nodes at one site; ``at`` gives the maker for another."""

    __slots__ = ("_site",)

    def __init__(self, site: int) -> None:
        self._site = site

    def _here(self, node: Placed) -> Placed:
        """``node`` with its place. Given as keywords, those would take most of the time of making it."""
        node.lineno = self._site
        node.col_offset = 0
        return node

    def name(self, name: str) -> ast.Name:
        """Read a variable."""
        node = ast.Name(name, _LOAD)  # every other node is one
        node.lineno = self._site
        node.col_offset = 0
        return node

    def _target(self, name: str) -> ast.Name:
        return self._here(ast.Name(name, _STORE))

    def constant(self, value: bool | int | float | str | None) -> Expr:
        """A constant; infinities and NaN never come here."""
        return self._here(ast.Constant(value))

    def call(self, function: str, args: Sequence[Expr] = ()) -> Expr:
        """``function(args…)``."""
        return self._here(ast.Call(self.name(function), [*args], []))

    def array(self, items: Sequence[Expr]) -> Expr:
        """``[items…]``."""
        return self._here(ast.List([*items], _LOAD))

    def mapping(self, keys: Sequence[str], values: Sequence[Expr]) -> Expr:
        """``{keys: values…}``."""
        return self._here(ast.Dict([self.constant(key) for key in keys], [*values]))

    def item(self, name: str, index: int) -> Expr:
        """``name[index]``."""
        return self.subscript(self.name(name), self.constant(index))

    def subscript(self, holder: Expr, key: Expr) -> Expr:
        """``holder[key]``."""
        return self._here(ast.Subscript(holder, key, _LOAD))

    def negate(self, value: Expr) -> Expr:
        """``not value``."""
        return self._here(ast.UnaryOp(_NOT, value))

    def compare(self, operator: ast.cmpop, left: Expr, right: Expr | int) -> Expr:
        """``left operator right``."""
        other = self.constant(right) if isinstance(right, int) else right
        return self._here(ast.Compare(left, [operator], [other]))

    def binary(self, operator: ast.operator, left: Expr, right: Expr) -> Expr:
        """``left operator right``, of arithmetic."""
        return self._here(ast.BinOp(left, operator, right))

    def any(self, tests: Sequence[Expr]) -> Expr:
        """``tests[0] or tests[1] …``."""
        return tests[0] if len(tests) == 1 else self._here(ast.BoolOp(_OR, [*tests]))

    def all(self, tests: Sequence[Expr]) -> Expr:
        """``tests[0] and tests[1] …``."""
        return tests[0] if len(tests) == 1 else self._here(ast.BoolOp(_AND, [*tests]))

    def choose(self, tests: Sequence[Expr], then: Expr, other: Expr) -> Expr:
        """``then if all tests hold else other``."""
        return self._here(ast.IfExp(self.all(tests), then, other))

    def text(self, parts: Sequence[str | Expr]) -> Expr:
        """``f"{parts[0]}{parts[1]}…"``, of texts as they stand and of expressions."""
        pieces: list[Expr] = [
            self.constant(part) if isinstance(part, str) else self._here(ast.FormattedValue(part, -1, None))
            for part in parts
        ]
        return self._here(ast.JoinedStr(pieces))

    def collect(self, element: Expr, clauses: Sequence[ast.comprehension]) -> Expr:
        """``[element for …]``."""
        return self._here(ast.ListComp(element, [*clauses]))

    def clause(self, target: str, second: str | None, items: Expr, tests: Sequence[Expr] = ()) -> ast.comprehension:
        """``for target, second in items if tests…`` of a comprehension."""
        loop = self.for_(target, second, items, [])
        assert isinstance(loop, ast.For)
        return ast.comprehension(target=loop.target, iter=items, ifs=[*tests], is_async=0)

    def is_(self, left: Expr, right: Expr) -> Expr:
        """``left is right``."""
        return self.compare(_IS, left, right)

    def is_not(self, left: Expr, right: Expr) -> Expr:
        """``left is not right``."""
        return self.compare(_IS_NOT, left, right)

    def equal(self, left: Expr, right: Expr) -> Expr:
        """``left == right``."""
        return self.compare(_EQUAL, left, right)

    def unequal(self, left: Expr, right: Expr) -> Expr:
        """``left != right``."""
        return self.compare(_UNEQUAL, left, right)

    def assign(self, name: str, value: Expr) -> Stmt:
        """``name = value``."""
        return self._here(ast.Assign([self._target(name)], value))

    def assign_item(self, holder: Expr, key: Expr, value: Expr) -> Stmt:
        """``holder[key] = value``."""
        target = self._here(ast.Subscript(holder, key, _STORE))
        return self._here(ast.Assign([target], value))

    def unpack(self, name: str, value: Expr) -> Stmt:
        """``name, = value``."""
        target = self._here(ast.Tuple([self._target(name)], _STORE))
        return self._here(ast.Assign([target], value))

    def do(self, value: Expr) -> Stmt:
        """Evaluate and forget."""
        return self._here(ast.Expr(value))

    def if_(self, test: Expr, body: list[Stmt], orelse: list[Stmt]) -> Stmt:
        """``if test: body else: orelse``."""
        return self._here(ast.If(test, body or [self.pass_()], orelse))

    def for_(self, target: str, second: str | None, items: Expr, body: list[Stmt]) -> Stmt:
        """``for target in items: body``, or ``for target, second in items: body``."""
        names: list[Expr] = [self._target(name) for name in (target, second) if name]
        goal = names[0] if second is None else self._here(ast.Tuple(names, _STORE))
        return self._here(ast.For(goal, items, body or [self.pass_()], []))

    def try_(self, body: list[Stmt], errors: str, name: str | None, handler: list[Stmt], final: list[Stmt]) -> Stmt:
        """``try: body except errors as name: handler finally: final``."""
        caught = self._here(ast.ExceptHandler(self.name(errors), name, handler or [self.pass_()]))
        return self._here(ast.Try(body or [self.pass_()], [caught], [], final))

    def return_(self, value: Expr) -> Stmt:
        """``return value``."""
        return self._here(ast.Return(value))

    def break_(self) -> Stmt:
        """``break``."""
        return self._here(ast.Break())

    def continue_(self) -> Stmt:
        """``continue``."""
        return self._here(ast.Continue())

    def pass_(self) -> Stmt:
        """``pass``."""
        return self._here(ast.Pass())

    def nonlocal_(self, names: Sequence[str]) -> Stmt:
        """``nonlocal names…``."""
        return self._here(ast.Nonlocal([*names]))

    def function(
        self,
        name: str,
        parameters: Sequence[str],
        body: list[Stmt],
        *,
        boxes: Sequence[str] = (),
        home: bool = True,
    ) -> Stmt:
        """``def name(parameters…): body``.

        A function that does not stay home may be called with any number of arguments: all parameters but the first
        default to null, and further arguments are dropped. ``boxes`` become parameters that default to themselves.
        """
        arguments = ast.arguments(
            posonlyargs=[],
            args=[self._here(ast.arg(parameter)) for parameter in parameters],
            vararg=None if home else self._here(ast.arg("_")),
            kwonlyargs=[self._here(ast.arg(box)) for box in boxes],
            kw_defaults=[self.name(box) for box in boxes],
            kwarg=None,
            defaults=[] if home else [self.constant(None) for _ in parameters[1:]],
        )
        return self._here(ast.FunctionDef(name, arguments, body or [self.pass_()], []))
