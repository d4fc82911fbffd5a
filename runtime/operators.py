"""The operators of scripts that Python has too."""

import ast
from collections.abc import Mapping

ARITHMETIC: Mapping[str, type[ast.operator]] = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "%": ast.Mod, "/": ast.Div}

ORDER: Mapping[str, type[ast.cmpop]] = {"<": ast.Lt, ">": ast.Gt, "<=": ast.LtE, ">=": ast.GtE}

EQUALITY: Mapping[str, type[ast.cmpop]] = {"==": ast.Eq, "!=": ast.NotEq}

COMPARISONS: Mapping[str, type[ast.cmpop]] = {**ORDER, **EQUALITY}

OPPOSITE: Mapping[str, str] = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
"""What holds of two integers where the operator does not."""
