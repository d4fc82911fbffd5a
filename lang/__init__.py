"""From source to checked tree: text and JSON forms, printing, names, diagnostics. Imports nothing else of Mintaka."""

from mintaka.lang.blocks import from_blocks, to_blocks
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Code, Diagnostic, Severity, SyntaxFault
from mintaka.lang.formatter import format_source
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.signatures import Signature
from mintaka.lang.tree import Call, Group, Literal, Node, Span, from_json, to_json

__all__ = [
    "Call",
    "Code",
    "Diagnostic",
    "Group",
    "Literal",
    "Node",
    "Severity",
    "Signature",
    "Span",
    "SyntaxFault",
    "check",
    "format_source",
    "from_blocks",
    "from_json",
    "parse",
    "print_tree",
    "to_blocks",
    "to_json",
]
