"""Where ViwoScript leaves something open or has a fault, these are Mintaka's rules."""

import random

import pytest

from mintaka import stdlib
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ArityError, HostFault, ScriptError, TypeFault
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable, op
from mintaka.runtime.powers import Powers
from mintaka.runtime.values import Value

OPS = OpTable.of(*stdlib.modules)


async def value(source: str) -> Value:
    powers = Powers(clock=lambda: 86_400.5, random=random.Random(0))
    return (await execute(compile_tree(parse(source), OPS), budget=Budget(), powers=powers)).value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('(str.replace "a.b.a" "a" "$&")', "$&.b.$&"),
        ("(let xs [3 1 2]) [(list.reverse xs) xs]", [[2, 1, 3], [3, 1, 2]]),
        ("(let xs [3 1 2]) [(list.sort xs (lambda [a b] (- b a))) xs]", [[3, 2, 1], [3, 1, 2]]),
        ('(list.sort [1 2 3] (lambda [a b] "no number"))', [1, 2, 3]),
        ("(list.set [1] 3 9)", 9),
        ("(let xs [1]) (list.set xs 2 9) xs", [1, None, 9]),
        ("(list.get [1 2] 1.5)", None),
        ("(list.get [1 2] -1)", None),
        ('(str.len "🐈")', 1),
        ('(< (number "x") 1)', False),
        ('(obj.keys {:b 1 "10" 2 "9" 3})', ["9", "10", "b"]),
        ('(let o {}) (obj.set o "__class__" 1) (obj.get o "__class__")', 1),
        ('(obj.get "" "__class__" "none")', "none"),
        ("(list.range 3 1)", []),
        ("(time.now)", "1970-01-02T00:00:00.500Z"),
        ('(time.offset 1 "day")', "1970-01-03T00:00:00.500Z"),
        ('(time.offset 1 "month" "2024-01-31T00:00:00Z")', "2024-03-02T00:00:00.000Z"),
        ("(math.round 0.49999999999999994)", 0),
        ("(^ 2 0.5)", 2**0.5),
        ("(^ -8 0.5)", None),
    ],
)
async def test_an_own_rule(source: str, expected: object) -> None:
    result = await value(source)
    assert result == expected or (expected is None and result != result)


@pytest.mark.parametrize("count", [1_024, 1_025, 1_537, 5_000])
async def test_long_lists_are_sorted_by_text_as_short_ones_are(count: int) -> None:
    items: list[Value] = [number * 7_919 % 613 for number in range(count)]
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    # Items of the same text that can be told apart: 1 and "1".
    items[::2] = [str(item) for item in items[::2]]
    program = compile_tree(parse("(list.sort (arg 0))"), OPS)
    ordered = (await execute(program, args=[items], budget=Budget(), powers=powers)).value
    assert isinstance(ordered, list)
    assert [(type(item), item) for item in ordered] == [(type(item), item) for item in sorted(items, key=str)]


@pytest.mark.parametrize("count", [5_000, 16_384, 16_385])
@pytest.mark.parametrize(
    "compare", ["(lambda [a b] (- (% a 100) (% b 100)))", "(if true (lambda [a b] (- (% a 100) (% b 100))))"]
)
async def test_long_lists_are_sorted_stably_by_a_comparator(count: int, compare: str) -> None:
    ordered = await value(f"(list.sort (list.map (list.range 1 {count}) (lambda [i] (% (* i 7919) 4999))) {compare})")
    items = [number * 7_919 % 4_999 for number in range(1, count + 1)]
    assert ordered == sorted(items, key=lambda item: item % 100)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("(list.sort [1] 1)", ArityError),
        ("(list.set [] -1 1)", HostFault),
        ("(list.range -1 5)", HostFault),
        ('(json.parse "{")', TypeFault),
        ('(json.parse "NaN")', TypeFault),
        (r'(json.parse "\"\\ud800\"")', TypeFault),
        ('(json.parse (str.join (list.map (list.range 1 9999) (lambda [x] "[")) ""))', TypeFault),
        ('(time.parse "soon")', TypeFault),
        ('(time.offset 1 "moon" "2024-01-01")', TypeFault),
        ("(time.from_timestamp (/ 1 0))", HostFault),
        ('(obj.get null "a")', TypeFault),
        ("(obj.map {:a 1} 5)", TypeFault),
        ('(with-timeout "soon" 1)', TypeFault),
    ],
)
async def test_what_is_refused(source: str, error: type[ScriptError]) -> None:
    with pytest.raises(error) as caught:
        await value(source)
    assert caught.value.op is not None


def test_opcodes_are_described_as_clients_read_them() -> None:
    described = OPS.describe()
    by_name = {entry["opcode"]: entry for entry in described}
    assert len(by_name) == len(described)
    for entry in described:
        for key in ("opcode", "label", "category", "description", "returnType"):
            assert isinstance(entry[key], str)
        assert isinstance(entry["parameters"], list)
        assert isinstance(entry["slots"], list)
        for slot in entry["slots"]:
            assert slot["type"] in {"block", "string", "number", "boolean"}
    assert by_name["std.seq"]["lazy"] is True
    assert by_name["list.slice"]["parameters"] == [
        {"name": "items", "type": "list", "description": ""},
        {"name": "start", "type": "number", "description": ""},
        {"name": "end", "type": "number", "description": "", "optional": True},
    ]
    assert by_name["str.includes"]["returnType"] == "boolean"


def test_the_table_knows_near_names() -> None:
    assert OPS.near("list.mpa") == "list.map"
    assert OPS.near("zzzzzzzz") is None


def test_two_ops_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="defined twice"):
        OpTable.of(*stdlib.modules, *stdlib.modules[:1])


def test_an_op_takes_its_types_from_its_signature() -> None:
    @op("test.shout", label="shout")
    def shout(text: str, times: float = 1, *more: bool) -> str:
        """Say it loud."""
        return text.upper() * int(times)

    described = shout.__op__  # type: ignore[attr-defined]
    assert (described.signature.minimum, described.signature.maximum) == (1, None)
    assert [parameter.type.word for parameter in described.parameters] == ["string", "number", "boolean"]
    assert described.category == "Test"
