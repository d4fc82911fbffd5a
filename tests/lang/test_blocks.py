"""Blocks say the same as the tree they come from; what is no script is told with the block's id."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.lang.blocks import from_blocks, to_blocks
from mintaka.lang.diagnostics import Code, SyntaxFault
from mintaka.lang.limits import MAX_DEPTH
from mintaka.lang.parser import parse
from mintaka.lang.tree import Node, to_json
from tests.strategies import TREES


def workspace(*blocks: object) -> dict[str, object]:
    return {"blocks": {"languageVersion": 0, "blocks": list(blocks)}}


def message(blocks: object) -> str:
    with pytest.raises(SyntaxFault) as caught:
        from_blocks(blocks)
    return caught.value.diagnostics[0].message


@given(TREES)
def test_the_blocks_of_a_tree_are_the_tree(tree: Node) -> None:
    again = from_blocks(json.loads(json.dumps(to_blocks(tree))))
    assert again == tree
    assert json.dumps(to_json(again)) == json.dumps(to_json(tree))


@given(TREES, st.sets(st.sampled_from(["+", "list.map", "std.log", "json", "pair", "literal.null"])))
def test_blocks_that_an_editor_lacks_lose_nothing(tree: Node, ops: set[str]) -> None:
    assert from_blocks(json.loads(json.dumps(to_blocks(tree, ops)))) == tree


def test_blocks_are_as_blockly_loads_them() -> None:
    assert to_blocks(parse('(let f (lambda [x] {:a x})) (if true "b" \'{:c 1})')) == workspace(
        {
            "type": "std.seq",
            "id": "/",
            "x": 0,
            "y": 0,
            "inputs": {
                "arg0": {
                    "block": {
                        "type": "std.let",
                        "id": "/1",
                        "fields": {"arg0": "f"},
                        "inputs": {
                            "arg1": {
                                "block": {
                                    "type": "std.lambda",
                                    "id": "/1/2",
                                    "inputs": {
                                        "arg1": {
                                            "block": {
                                                "type": "obj.new",
                                                "id": "/1/2/2",
                                                "inputs": {
                                                    "arg0": {
                                                        "block": {
                                                            "type": "pair",
                                                            "id": "/1/2/2/1",
                                                            "fields": {"key": "a"},
                                                            "inputs": {
                                                                "value": {
                                                                    "block": {
                                                                        "type": "std.var",
                                                                        "id": "/1/2/2/1/1",
                                                                        "fields": {"arg0": "x"},
                                                                        "extraState": {"args": 1},
                                                                    }
                                                                }
                                                            },
                                                        }
                                                    }
                                                },
                                                "extraState": {"args": 1},
                                            }
                                        }
                                    },
                                    "extraState": {"args": 2, "data": {"arg0": ["x"]}},
                                }
                            }
                        },
                        "extraState": {"args": 2},
                    }
                },
                "arg1": {
                    "block": {
                        "type": "std.if",
                        "id": "/2",
                        "inputs": {
                            "arg0": {"block": {"type": "literal.boolean", "id": "/2/1", "fields": {"value": True}}},
                            "arg1": {"block": {"type": "literal.string", "id": "/2/2", "fields": {"value": "b"}}},
                            "arg2": {"block": {"type": "json", "id": "/2/3", "extraState": {"json": {"c": 1}}}},
                        },
                        "extraState": {"args": 3},
                    }
                },
            },
            "extraState": {"args": 2},
        }
    )


def test_a_call_of_an_op_that_the_editor_lacks_is_a_block_that_carries_it() -> None:
    blocks = to_blocks(parse("(not (log (my.op 1)))"), {"not", "std.log"})
    inner = blocks["blocks"]["blocks"][0]["inputs"]["arg0"]["block"]["inputs"]["arg0"]["block"]
    assert inner == {"type": "json", "id": "/1/1", "extraState": {"json": ["my.op", 1]}}


def test_what_an_editor_leaves_out_or_adds_is_understood() -> None:
    number = {"type": "literal.number", "fields": {"value": 1.0}, "collapsed": True}
    call = {"type": "+", "id": "q1", "x": 7, "inputs": {"arg0": {"shadow": number}, "arg1": {"block": number}}}
    assert to_json(from_blocks({**workspace(call), "variables": []})) == ["+", 1, 1]
    assert to_json(from_blocks(workspace())) == ["std.seq"]
    assert to_json(from_blocks({"blocks": {"languageVersion": 0}})) == ["std.seq"]


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (None, "as Blockly saves it"),
        ({}, "as Blockly saves it"),
        (workspace(3), "an object with a type"),
        (
            workspace({"type": "std.break", "id": "a"}, {"type": "std.log", "id": "b"}),
            "Block `b` (std.log) stands apart",
        ),
        (workspace({"type": "std.if", "id": "a", "extraState": {"args": 2}}), "Block `a` (std.if) has nothing in"),
        (workspace({"type": "std.log", "id": "a", "extraState": {"args": -1}}), "Block `a` (std.log) has no number"),
        (workspace({"type": "f", "id": "a", "extraState": {"args": 0}, "fields": {"arg0": 1}}), "only 0 arguments"),
        (workspace({"type": "std.log", "id": "a", "inputs": 3}), "Block `a` (std.log) has something in `inputs`"),
        (workspace({"type": "json", "id": "a"}), "Block `a` (json) carries nothing"),
        (workspace({"type": "json", "id": "a", "extraState": {"json": [1]}}), "Block `a`: A call begins"),
        (
            workspace({"type": "literal.number", "id": "a", "fields": {"value": "1"}}),
            "Block `a` (literal.number) wants",
        ),
        (workspace({"type": "literal.number", "id": "a", "fields": {"value": float("nan")}}), "Block `a`: A number"),
        (workspace({"type": "pair", "id": "a"}), "Block `a` (pair) has no field `key`"),
        (workspace({"type": "std.log", "id": "a", "next": {"block": {}}}), "Block `a` (std.log) has another below"),
        (workspace({"type": "std.break", "id": "a", "enabled": False}), "Block `a` (std.break) is disabled"),
    ],
)
def test_what_is_no_script_is_told_with_the_block(blocks: object, said: str) -> None:
    assert said in message(blocks)


def test_blocks_nested_too_deeply_or_too_many_are_refused() -> None:
    block: dict[str, object] = {"type": "std.break"}
    for _ in range(MAX_DEPTH + 1):
        block = {"type": "not", "inputs": {"arg0": {"block": block}}}
    with pytest.raises(SyntaxFault) as caught:
        from_blocks(workspace(block))
    assert caught.value.diagnostics[0].code is Code.SIZE
    data = {"type": "json", "extraState": {"json": ["std.quote", [0] * 50_000]}}
    with pytest.raises(SyntaxFault) as caught:
        from_blocks(workspace(data))
    assert caught.value.diagnostics[0].code is Code.SIZE
