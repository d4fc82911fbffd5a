"""What generated code may consist of. The compiler checks every program it makes against this before Python sees it.

There is no attribute, import, global, lambda, decorator, keyword argument, slice or format spec in
it, and every name is one the compiler made up: code like this reaches nothing but the values and helpers it is given.
"""

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

ALLOWED: frozenset[type[ast.AST]] = frozenset(
    {
        ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.Expr, ast.If, ast.For,
        ast.Try, ast.ExceptHandler, ast.Break, ast.Continue, ast.Pass, ast.Nonlocal,
        ast.Name, ast.Load, ast.Store, ast.Constant, ast.Call, ast.List, ast.Tuple, ast.Dict, ast.Subscript,
        ast.IfExp, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Mod,
        ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot,
        ast.Div, ast.FloorDiv, ast.JoinedStr, ast.FormattedValue, ast.ListComp, ast.comprehension,
    }
)  # fmt: skip
"""Every kind of node there may be."""

GENSYM = re.compile(r"[a-z]+[0-9]+|_|outer|main")
"""What a name looks like: no word of Python's or of a script's."""


class NotAllowed(Exception):
    """Generated code contains what it must not: a fault of the compiler, which then refuses to go on."""


def assert_allowed(tree: ast.AST) -> None:
    """Raise `NotAllowed` unless ``tree`` consists of allowed nodes and made-up names only."""
    pending: list[Any] = [tree]
    while pending:
        node = pending.pop()
        kind = type(node)
        fields = _FIELDS.get(kind)
        if fields is None:
            raise NotAllowed(f"{kind.__name__} is not among the nodes that are emitted")
        rule = _RULES.get(kind)
        if rule is not None:
            rule(node)
        for field in fields:
            value = getattr(node, field, None)
            if type(value) is list:
                pending += value
            elif value is not None:
                pending.append(value)


def _call(node: ast.Call) -> None:
    if node.keywords or not isinstance(node.func, ast.Name):
        raise NotAllowed("only named functions are called, without keywords")


def _function(node: ast.FunctionDef) -> None:
    if node.decorator_list or node.returns:
        raise NotAllowed("functions have neither decorators nor annotations")
    _made_up(node.name)


def _subscript(node: ast.Subscript) -> None:
    if not isinstance(node.slice, ast.Constant | ast.Name):
        raise NotAllowed("subscripts are names and constants")


def _formatted(node: ast.FormattedValue) -> None:
    if node.format_spec is not None or node.conversion != -1:
        raise NotAllowed("values are formatted without format spec and conversion")


def _comprehension(node: ast.comprehension) -> None:
    if node.is_async:
        raise NotAllowed("comprehensions are not asynchronous")


def _constant(node: ast.Constant) -> None:
    if not isinstance(node.value, str | int | float | bool | None):
        raise NotAllowed("constants are scalars")


def _handler(node: ast.ExceptHandler) -> None:
    if node.name is not None:
        _made_up(node.name)


def _nonlocal(node: ast.Nonlocal) -> None:
    for name in node.names:
        _made_up(name)


@lru_cache(maxsize=1024)
def _made_up(name: str) -> None:
    if not GENSYM.fullmatch(name):
        raise NotAllowed(f"{name} is no name that the compiler makes up")


_RULES: Mapping[type[ast.AST], Callable[[Any], None]] = {
    ast.Call: _call,
    ast.FunctionDef: _function,
    ast.Subscript: _subscript,
    ast.FormattedValue: _formatted,
    ast.comprehension: _comprehension,
    ast.Constant: _constant,
    ast.ExceptHandler: _handler,
    ast.Nonlocal: _nonlocal,
    ast.Name: lambda node: _made_up(node.id),
    ast.arg: lambda node: _made_up(node.arg),
}
"""What else has to hold of a node."""

_DATA: Mapping[type[ast.AST], frozenset[str]] = {
    ast.Constant: frozenset({"value", "kind"}),
    ast.Name: frozenset({"id"}),
    ast.arg: frozenset({"arg", "type_comment"}),
    ast.FunctionDef: frozenset({"name", "type_comment"}),
    ast.ExceptHandler: frozenset({"name"}),
    ast.Nonlocal: frozenset({"names"}),
    ast.For: frozenset({"type_comment"}),
    ast.Assign: frozenset({"type_comment"}),
    ast.FormattedValue: frozenset({"conversion"}),
    ast.comprehension: frozenset({"is_async"}),
}
"""Fields that hold data; whatever stands in any other is a node and must be allowed."""

_FIELDS: Mapping[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(field for field in kind._fields if field not in _DATA.get(kind, ())) for kind in ALLOWED
}
