"""Text, JSON and tree say the same: nothing is lost or changed on any way between them."""

import json

from hypothesis import given

from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Node, from_json, to_json
from tests.strategies import TREES


def exactly(node: Node) -> str:
    """A tree as text that tells 1 from true and 0 from -0, which Python's equality does not."""
    return json.dumps(to_json(node))


@given(TREES)
def test_reading_the_json_form_of_a_tree_gives_the_tree(tree: Node) -> None:
    again = from_json(json.loads(json.dumps(to_json(tree))))
    assert again == tree
    assert exactly(again) == exactly(tree)


@given(TREES)
def test_parsing_what_is_printed_of_a_tree_gives_the_tree(tree: Node) -> None:
    again = parse(print_tree(tree))
    assert again == tree
    assert exactly(again) == exactly(tree)
