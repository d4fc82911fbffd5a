"""What generated code may consist of. The compiler checks every program it makes against this before Python sees it.

There is no attribute, import, global, lambda, decorator, keyword argument, slice or format spec in
it, and every name is one the compiler made up: code like this reaches nothing but the values and helpers it is given.
"""

import ast
import re

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
    for node in ast.walk(tree):
        if type(node) not in ALLOWED:
            raise NotAllowed(f"{type(node).__name__} is not among the nodes that are emitted")
        if isinstance(node, ast.Call) and (node.keywords or not isinstance(node.func, ast.Name)):
            raise NotAllowed("only named functions are called, without keywords")
        if isinstance(node, ast.FunctionDef) and (node.decorator_list or node.returns):
            raise NotAllowed("functions have neither decorators nor annotations")
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant | ast.Name):
            raise NotAllowed("subscripts are names and constants")
        if isinstance(node, ast.FormattedValue) and (node.format_spec is not None or node.conversion != -1):
            raise NotAllowed("values are formatted without format spec and conversion")
        if isinstance(node, ast.comprehension) and node.is_async:
            raise NotAllowed("comprehensions are not asynchronous")
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | bool | None):
            raise NotAllowed("constants are scalars")
        for name in _names(node):
            if not GENSYM.fullmatch(name):
                raise NotAllowed(f"{name} is no name that the compiler makes up")


def _names(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)):
            return [name]
        case ast.Nonlocal(names=names):
            return names
    return []
