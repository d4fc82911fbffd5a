"""What keeps a program from being compared with the reference."""

from collections.abc import Mapping

from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.signatures import Signature
from mintaka.lang.tree import Node

FAILS_WHEN_RUN = frozenset({Code.TYPE, Code.UNKNOWN_METHOD})
"""Errors of programs that are certain to fail: they can be compiled, and how they fail is what a program means."""


def mistakes(tree: Node, signatures: Mapping[str, Signature]) -> list[Diagnostic]:
    """The errors for which a program cannot be compiled."""
    return [
        found
        for found in check(tree, signatures)
        if found.severity is Severity.ERROR and found.code not in FAILS_WHEN_RUN
    ]
