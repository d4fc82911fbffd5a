"""Ops in line: what a call of an op does when its arguments have the expected types, without calling through checks.

Every shortcut is an expression for the common case guarded by a test of types, with the checked op itself for all
other cases: a program means the same with and without shortcuts, and costs the same fuel.
"""

import ast
from collections.abc import Callable, Sequence

from mintaka.lang.numbers import MAX_INTEGER
from mintaka.runtime.ops import Op
from mintaka.runtime.pynodes import Expr, Nodes, Stmt
from mintaka.runtime.values import Function

BINARY: dict[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "%": ast.Mod}
COMPARISONS: dict[str, type[ast.cmpop]] = {
    "<": ast.Lt, ">": ast.Gt, "<=": ast.LtE, ">=": ast.GtE, "==": ast.Eq, "!=": ast.NotEq,
}  # fmt: skip

Helper = Callable[[str], str]
"""Gives the name that a helper has in the code."""


MOST_TESTS = 4
"""Types of arguments that are tested in line; calls with more go through the op's own checks."""


def shortcut(op: Op, args: Sequence[Expr], depth: Expr | None, at: Nodes, helper: Helper) -> Expr:
    """The call of ``op`` on names and constants; ``depth`` is given where the op takes the run."""
    front = [] if depth is None else [depth]
    checked = at.call(helper(f"op:{op.name}"), [*front, *args])
    if len(args) == 2 and (op.name in BINARY or op.name in COMPARISONS):
        return _arithmetic(op.name, args, checked, at, helper)
    tests = []
    for index, arg in enumerate(args):
        accepts = op.parameters[min(index, len(op.parameters) - 1)].type.accepts
        if not accepts:
            continue
        expected = accepts[0]  # of numbers the integers: others go through the checks
        if expected not in TYPE_HELPERS or (isinstance(arg, ast.Constant) and type(arg.value) is not expected):
            return checked
        tests += _tests(arg, expected, at, helper)
    if len(tests) > MOST_TESTS:
        return checked
    raw = at.call(helper(f"raw:{op.name}"), [*front, *args])
    return at.choose(tests, raw, checked) if tests else raw


def _arithmetic(name: str, args: Sequence[Expr], checked: Expr, at: Nodes, helper: Helper) -> Expr:
    """Two integers, by Python's own operators."""
    if any(isinstance(arg, ast.Constant) and type(arg.value) is not int for arg in args):
        return checked
    tests = [test for arg in args for test in _tests(arg, int, at, helper)]
    if name in COMPARISONS:
        plain = at.compare(COMPARISONS[name](), args[0], args[1])
    else:
        plain = at.binary(BINARY[name](), args[0], args[1])
    if name == "%":  # Python's remainder has the sign of the divisor, a script's that of the dividend
        tests += [at.compare(ast.GtE(), args[0], 0), at.compare(ast.Gt(), args[1], 0)]
    return at.choose(tests, plain, checked) if tests else plain


def correction(op: str, result: str, args: Sequence[Expr], at: Nodes, helper: Helper) -> Stmt | None:
    """What must follow a shortcut of arithmetic: integers beyond 2^53 are doubles, and products may be minus zero."""
    value = at.name(result)
    if op in ("+", "-"):
        beyond = [at.compare(ast.Gt(), value, MAX_INTEGER), at.compare(ast.Lt(), value, -MAX_INTEGER)]
        return at.if_(at.any(beyond), [at.assign(result, at.call(helper("exact"), [value]))], [])
    if op == "*":
        beyond = [at.compare(ast.LtE(), value, 0), at.compare(ast.Gt(), value, MAX_INTEGER)]
        return at.if_(at.any(beyond), [at.assign(result, at.call(helper("op:*"), args))], [])
    return None


TYPE_HELPERS: dict[type, str] = {int: "int", str: "str", list: "list", dict: "dict", Function: "function"}
"""Types that code can test for, and the helper that is the type."""


def _tests(value: Expr, kind: type, at: Nodes, helper: Helper) -> list[Expr]:
    """Whether ``value`` is exactly of a type; nothing to test where that is known."""
    if isinstance(value, ast.Constant):
        return []
    return [at.is_(at.call(helper("type"), [value]), at.name(helper(TYPE_HELPERS[kind])))]
