"""Every node of a text knows where it stands: what is written there is that node, or is about nothing but it."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mintaka.lang.diagnostics import SyntaxFault
from mintaka.lang.names import bound_names
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Call, Literal, Node, children, from_json, to_json, walk
from tests.strategies import TREES, reflowed

CONTEXTS = ["{}", "({})", "(quote {})", "{{{} 1}}", "{{{}}}", "(obj.new {})"]
"""Where a part of a script can stand: as an expression, as a head, as data, as a key, as a pair."""


def is_written(node: Node, text: str, names: str) -> bool:
    """Whether ``text``, put where it belongs in a script that binds ``names``, has ``node`` in it."""
    for context in CONTEXTS:
        try:
            tree = parse(f"(lambda [{names}] {context.format(text)})")
        except SyntaxFault:
            continue
        if any(found == node for found in walk(tree)):
            return True
    return False


@given(TREES, st.randoms(use_true_random=False))
def test_what_stands_at_the_span_of_a_node_is_that_node(tree: Node, rng: Random) -> None:
    source = reflowed(print_tree(tree), rng)
    parsed = parse(source)
    nodes = list(walk(parsed))
    names = " ".join(print_tree(Literal(name)) for name in bound_names(parsed))
    several = isinstance(parsed, Call) and parsed.op == "std.seq"
    for node in rng.sample(nodes, min(2, len(nodes))):
        if node is parsed and several:
            continue  # forms at the top are a sequence that nothing spells
        assert is_written(node, node.span.cut(source), names), node.span.cut(source)


@given(TREES, st.randoms(use_true_random=False))
def test_the_span_of_a_node_lies_within_that_of_the_node_it_belongs_to(tree: Node, rng: Random) -> None:
    parsed = parse(reflowed(print_tree(tree), rng))
    for node in walk(parsed):
        parts = [child.span for child in children(node)] + ([node.head] if isinstance(node, Call) else [])
        for part in parts:
            assert (node.span.line, node.span.column) <= (part.line, part.column)
            assert (part.end_line, part.end_column) <= (node.span.end_line, node.span.end_column)
            assert (part.line, part.column) <= (part.end_line, part.end_column)


@given(TREES)
def test_the_span_of_a_node_of_a_json_form_is_the_path_to_it(tree: Node) -> None:
    data = to_json(tree)
    for node in walk(from_json(data)):
        found = data
        for step in node.span.path:
            found = found[step]  # type: ignore[index, call-overload]
        assert found == to_json(node)
