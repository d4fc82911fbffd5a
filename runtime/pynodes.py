"""The few Python `ast` nodes that generated code is made of, each with the site it stands for as its line."""

import ast
from collections.abc import Sequence
from typing import Any

Expr = ast.expr
Stmt = ast.stmt


class Nodes:
    """Makes nodes at one site; ``at`` gives the maker for another."""

    __slots__ = ("_place",)

    def __init__(self, site: int) -> None:
        self._place: dict[str, Any] = {"lineno": site, "col_offset": 0, "end_lineno": site, "end_col_offset": 0}

    def name(self, name: str) -> ast.Name:
        """Read a variable."""
        return ast.Name(id=name, ctx=ast.Load(), **self._place)

    def constant(self, value: bool | int | float | str | None) -> Expr:
        """A constant; infinities and NaN never come here."""
        return ast.Constant(value=value, **self._place)

    def call(self, function: str, args: Sequence[Expr] = ()) -> Expr:
        """``function(args…)``."""
        return ast.Call(func=self.name(function), args=list(args), keywords=[], **self._place)

    def array(self, items: Sequence[Expr]) -> Expr:
        """``[items…]``."""
        return ast.List(elts=[*items], ctx=ast.Load(), **self._place)

    def mapping(self, keys: Sequence[str], values: Sequence[Expr]) -> Expr:
        """``{keys: values…}``."""
        return ast.Dict(keys=[self.constant(key) for key in keys], values=[*values], **self._place)

    def item(self, name: str, index: int) -> Expr:
        """``name[index]``."""
        return self.subscript(self.name(name), self.constant(index))

    def subscript(self, holder: Expr, key: Expr) -> Expr:
        """``holder[key]``."""
        return ast.Subscript(value=holder, slice=key, ctx=ast.Load(), **self._place)

    def negate(self, value: Expr) -> Expr:
        """``not value``."""
        return ast.UnaryOp(op=ast.Not(), operand=value, **self._place)

    def compare(self, operator: ast.cmpop, left: Expr, right: Expr | int) -> Expr:
        """``left operator right``."""
        other = self.constant(right) if isinstance(right, int) else right
        return ast.Compare(left=left, ops=[operator], comparators=[other], **self._place)

    def binary(self, operator: ast.operator, left: Expr, right: Expr) -> Expr:
        """``left operator right``, of arithmetic."""
        return ast.BinOp(left=left, op=operator, right=right, **self._place)

    def any(self, tests: Sequence[Expr]) -> Expr:
        """``tests[0] or tests[1] …``."""
        return tests[0] if len(tests) == 1 else ast.BoolOp(op=ast.Or(), values=[*tests], **self._place)

    def all(self, tests: Sequence[Expr]) -> Expr:
        """``tests[0] and tests[1] …``."""
        return tests[0] if len(tests) == 1 else ast.BoolOp(op=ast.And(), values=[*tests], **self._place)

    def choose(self, tests: Sequence[Expr], then: Expr, other: Expr) -> Expr:
        """``then if all tests hold else other``."""
        return ast.IfExp(test=self.all(tests), body=then, orelse=other, **self._place)

    def text(self, parts: Sequence[str | Expr]) -> Expr:
        """``f"{parts[0]}{parts[1]}…"``, of texts as they stand and of expressions."""
        pieces: list[Expr] = [
            self.constant(part)
            if isinstance(part, str)
            else ast.FormattedValue(value=part, conversion=-1, format_spec=None, **self._place)
            for part in parts
        ]
        return ast.JoinedStr(values=pieces, **self._place)

    def collect(self, element: Expr, clauses: Sequence[ast.comprehension]) -> Expr:
        """``[element for …]``."""
        return ast.ListComp(elt=element, generators=[*clauses], **self._place)

    def clause(self, target: str, second: str | None, items: Expr, tests: Sequence[Expr] = ()) -> ast.comprehension:
        """``for target, second in items if tests…`` of a comprehension."""
        loop = self.for_(target, second, items, [])
        assert isinstance(loop, ast.For)
        return ast.comprehension(target=loop.target, iter=items, ifs=[*tests], is_async=0)

    def is_(self, left: Expr, right: Expr) -> Expr:
        """``left is right``."""
        return self.compare(ast.Is(), left, right)

    def is_not(self, left: Expr, right: Expr) -> Expr:
        """``left is not right``."""
        return self.compare(ast.IsNot(), left, right)

    def equal(self, left: Expr, right: Expr) -> Expr:
        """``left == right``."""
        return self.compare(ast.Eq(), left, right)

    def unequal(self, left: Expr, right: Expr) -> Expr:
        """``left != right``."""
        return self.compare(ast.NotEq(), left, right)

    def assign(self, name: str, value: Expr) -> Stmt:
        """``name = value``."""
        return ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store(), **self._place)], value=value, **self._place)

    def assign_item(self, holder: Expr, key: Expr, value: Expr) -> Stmt:
        """``holder[key] = value``."""
        target = ast.Subscript(value=holder, slice=key, ctx=ast.Store(), **self._place)
        return ast.Assign(targets=[target], value=value, **self._place)

    def unpack(self, name: str, value: Expr) -> Stmt:
        """``name, = value``."""
        target = ast.Tuple(elts=[ast.Name(id=name, ctx=ast.Store(), **self._place)], ctx=ast.Store(), **self._place)
        return ast.Assign(targets=[target], value=value, **self._place)

    def do(self, value: Expr) -> Stmt:
        """Evaluate and forget."""
        return ast.Expr(value=value, **self._place)

    def if_(self, test: Expr, body: list[Stmt], orelse: list[Stmt]) -> Stmt:
        """``if test: body else: orelse``."""
        return ast.If(test=test, body=body or [self.pass_()], orelse=orelse, **self._place)

    def for_(self, target: str, second: str | None, items: Expr, body: list[Stmt]) -> Stmt:
        """``for target in items: body``, or ``for target, second in items: body``."""
        names: list[Expr] = [ast.Name(id=name, ctx=ast.Store(), **self._place) for name in (target, second) if name]
        goal = names[0] if second is None else ast.Tuple(elts=names, ctx=ast.Store(), **self._place)
        return ast.For(target=goal, iter=items, body=body or [self.pass_()], orelse=[], **self._place)

    def try_(self, body: list[Stmt], errors: str, name: str | None, handler: list[Stmt], final: list[Stmt]) -> Stmt:
        """``try: body except errors as name: handler finally: final``."""
        caught = ast.ExceptHandler(type=self.name(errors), name=name, body=handler or [self.pass_()], **self._place)
        return ast.Try(body=body or [self.pass_()], handlers=[caught], orelse=[], finalbody=final, **self._place)

    def return_(self, value: Expr) -> Stmt:
        """``return value``."""
        return ast.Return(value=value, **self._place)

    def break_(self) -> Stmt:
        """``break``."""
        return ast.Break(**self._place)

    def continue_(self) -> Stmt:
        """``continue``."""
        return ast.Continue(**self._place)

    def pass_(self) -> Stmt:
        """``pass``."""
        return ast.Pass(**self._place)

    def nonlocal_(self, names: Sequence[str]) -> Stmt:
        """``nonlocal names…``."""
        return ast.Nonlocal(names=list(names), **self._place)

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
            args=[ast.arg(arg=parameter, **self._place) for parameter in parameters],
            vararg=None if home else ast.arg(arg="_", **self._place),
            kwonlyargs=[ast.arg(arg=box, **self._place) for box in boxes],
            kw_defaults=[self.name(box) for box in boxes],
            kwarg=None,
            defaults=[] if home else [self.constant(None) for _ in parameters[1:]],
        )
        return ast.FunctionDef(
            name=name, args=arguments, body=body or [self.pass_()], decorator_list=[], returns=None, **self._place
        )
