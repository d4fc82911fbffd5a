"""What the ops do at the edges of what they take: one table a subject, each line a rule that ViwoScript has, too."""

import math
import random
from collections.abc import Mapping

import pytest

from mintaka import stdlib
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Code, Severity
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.runtime.run import Run
from mintaka.runtime.values import HostObject, Value

OPS = OpTable.of(*stdlib.modules)
NAN, INFINITY = math.nan, math.inf


class Entity(HostObject):
    """An entity of some world."""

    @property
    def type_name(self) -> str:
        return "entity"

    def fields(self) -> Mapping[str, Value]:
        return {"id": 7}

    async def call(self, run: Run, method: str, args: list[Value]) -> Value:
        raise NotImplementedError


async def told(source: str, *, this: HostObject | None = None) -> tuple[Value, list[tuple[str, Mapping[str, object]]]]:
    """The value of a script, and what it told."""
    events: list[tuple[str, Mapping[str, object]]] = []
    powers = Powers(
        clock=lambda: 0.0, random=random.Random(0), emit=lambda kind, data: events.append((kind, data)), this=this
    )
    done = await execute(compile_tree(parse(source), OPS), budget=Budget(), powers=powers)
    return done.value, events


def alike(a: object, b: object) -> bool:
    """Whether two values are the same, NaN and the sign of zero included."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    if (
        isinstance(a, int | float)
        and isinstance(b, int | float)
        and not isinstance(a, bool)
        and not isinstance(b, bool)
    ):
        return (a == b or (a != a and b != b)) and math.copysign(1, a) == math.copysign(1, b)
    return type(a) is type(b) and a == b


NUMBERS = [
    ("(math.max 0 (* 0 -1))", 0),
    ("(math.min 0 (* 0 -1))", -0.0),
    ("(math.clamp (* 0 -1) 0 5)", 0),
    ("(math.clamp 0 -5 (* 0 -1))", -0.0),
    ("(math.clamp 5 10 0)", 0),
    ('(math.clamp 5 (number "x") 10)', NAN),
    ("(math.floor -0.5)", -1),
    ("(math.trunc -0.5)", -0.0),
    ("(math.round -0.5)", -0.0),
    ("(math.round 4503599627370497.5)", 4503599627370498),
    ("(math.abs (/ -1 0))", INFINITY),
    ("(% 5.5 -2)", 1.5),
    ("(% -3 (/ 1 0))", -3),
    ("(^ 0 -1)", INFINITY),
    ("(^ (* 0 -1) -3)", -INFINITY),
    ("(/ 1 (* 0 -1))", -INFINITY),
]

CONVERSIONS = [
    ('(int "0x10")', 16),
    ('(int "0x10" 10)', 0),
    ('(int "-0x1F")', -31),
    ('(int "0xg")', NAN),
    ('(int "12" 0)', 12),
    ('(int "12" (number "x"))', 12),
    ('(int "12" 4294967312)', 18),
    ('(int "12" 16.9)', 18),
    ('(int "12" 37)', NAN),
    ('(float "-.5e1x")', -5),
    ('(float "Infinityx")', INFINITY),
    ('(number "0b11")', 3),
    ('(number "-0x10")', NAN),
    ('(number "1_000")', NAN),
    ('(number "\\uFEFF1\\u2028")', 1),
    ("(number [[7]])", 7),
    ("(number [1 2])", NAN),
    ("(number [true])", NAN),
    ("(number {})", NAN),
    ("(string [null [] [null null]])", ",,,"),
    ("(string (lambda [] 1))", "[object Object]"),
]

LISTS = [
    ("(list.concat 1 [2 [3]] null [])", [1, 2, [3], None]),
    ("(list.concat)", []),
    ("(list.sort [0.1 0.01 1e-7 1e21])", [0.01, 0.1, 1e21, 1e-7]),
    ("(list.sort [10 9 1 -1 null])", [-1, 1, 10, 9, None]),
    ('(list.sort ["b" "a" "C" "_"])', ["C", "_", "a", "b"]),
    ("(list.sort [10 9 1] (lambda [a b] (- a b)))", [1, 9, 10]),
    ("(list.slice [1 2 3 4] -2)", [3, 4]),
    ("(list.slice [1 2 3 4] 1.9 -0.5)", []),
    ("(list.slice [1 2 3 4] (/ -1 0) (/ 1 0))", [1, 2, 3, 4]),
    ("(let xs [1 2 3]) [(list.splice xs -2 1 8 9) xs]", [[2], [1, 8, 9, 3]]),
    ("(let xs [1 2 3]) [(list.splice xs 9 -1 4) xs]", [[], [1, 2, 3, 4]]),
    ("(let xs [1]) [(list.set xs 3 4) xs]", [4, [1, None, None, 4]]),
    ("(list.includes [[1] {}] [1])", False),
    ("(list.includes [0] (* 0 -1))", True),
    ("(list.find [] (lambda [x] true))", None),
    ("(list.map [1 2] (lambda [] 5))", [5, 5]),
    ("(list.map [1 2] (lambda [x i all] [i all]))", [[None, None], [None, None]]),
    ("(list.flatMap [1 2] (lambda [x] [[x]]))", [[1], [2]]),
    ("(list.reduce [] (lambda [a x] (throw x)) 9)", 9),
    ("(let xs [3 1]) [(list.sort xs) xs]", [[1, 3], [3, 1]]),
]

OBJECTS = [
    ('(let k "x") (obj.new [(str.concat k k) 1] ["y" k])', {"xx": 1, "y": "x"}),
    ('(obj.keys (obj.new ["b" 1] [(string 2) 2] ["4294967295" 3] ["1" 4]))', ["1", "2", "b", "4294967295"]),
    ("(obj.merge)", {}),
    ("(obj.merge null {:a 1} null [5])", {"a": 1, "0": 5}),
    (
        '[(obj.has [1] "length") (obj.get [1] "length") (obj.has "ab" "length") (obj.has {} "length")]',
        [True, 1, True, False],
    ),
    ('[(obj.has [1] 0) (obj.has [1] 1) (obj.has [1] "00") (obj.has 5 "a")]', [True, False, False, False]),
    ("[(obj.keys 5) (obj.values true) (obj.entries (lambda [] 1))]", [[], [], []]),
    ("(obj.entries [7 8])", [["0", 7], ["1", 8]]),
    ("(obj.map [7] (lambda [value key] key))", {"0": "0"}),
    ("(obj.filter {:a 1} 5)", {}),
    ("(obj.flatMap {:a 1} {:no 1})", {}),
    ("(obj.flatMap {:a 1} (lambda [v] [v]))", {}),
    ("(obj.reduce {:a 1} null 5)", 5),
    ('(let o {:a 1}) [(obj.set o null 2) (obj.del o "a") (obj.del o "a")]', [{"null": 2}, True, False]),
    ("(obj.get {:null 1} null)", 1),
]

TEXTS = [
    ('(str.slice "hello" -3 -1)', "ll"),
    ('(str.slice "hello" 3 1)', ""),
    ('(str.split "" "")', []),
    ('(str.split "" ",")', [""]),
    ('(str.replace "aaa" "a" "aa")', "aaaaaa"),
    ('(str.join [null [1 null] true] "-")', "-1,-true"),
    ('(str.includes "" "")', True),
    ('(str.upper "ßﬁ")', "SSFI"),
    ('(str.lower "ΑΣ")', "ας"),
    ('(str.trim "\\u00a0\\ufeff x\\u0085")', "x\u0085"),
    ("(str.concat)", ""),
]

TIMES = [
    ('(time.offset -1.5 "hours" "2024-01-31T10:20:30Z")', "2024-01-31T08:20:30.000Z"),
    ('(time.offset 1.5 "days" "2024-01-31T10:20:30Z")', "2024-02-01T10:20:30.000Z"),
    ('(time.offset -1 "month" "2024-03-31T00:00:00Z")', "2024-03-02T00:00:00.000Z"),
    ('(time.offset -4 "years" "2024-02-29T12:00:00Z")', "2020-02-29T12:00:00.000Z"),
    ('(time.parse "2024-1-5")', "2024-01-05T00:00:00.000Z"),
    ('(time.parse "2024-01-31T24:00:00Z")', "2024-02-01T00:00:00.000Z"),
    ('(time.to_timestamp "2024-13-01")', NAN),
    ("(time.from_timestamp -1.9)", "1969-12-31T23:59:59.999Z"),
]

JSON = [
    ('(json.parse "-0")', -0.0),
    ('(json.parse "1e999")', INFINITY),
    ('(json.parse " [1,{}]\\n")', [1, {}]),
    ("(json.stringify [(/ 0 0) (/ 1 0) (* 0 -1) 1e21])", "[null,null,0,1e+21]"),
    ('(json.stringify "\\u2028\\u007f/")', '"\u2028\x7f/"'),
    ('(json.stringify {:b 1 "2" 2 "1" 3})', '{"1":3,"2":2,"b":1}'),
    (
        "(json.stringify (lambda [x] (+ x 1)))",
        '{"args":["x"],"body":["+",["std.var","x"],1],"closure":{},"type":"lambda"}',
    ),
]

TOGETHER = [
    ("(par.map [] (lambda [x] (throw x)))", []),
    ("(par.map [1 2] (lambda [x i] i))", [None, None]),
    ("(par.map [1 2] (lambda [] 3))", [3, 3]),
    ("(par.map [[1 2] [3]] (lambda [xs] (par.map xs (lambda [x] (* x x)))))", [[1, 4], [9]]),
    ("(par.all)", []),
    ("(with-timeout 60 (with-timeout 30 1))", 1),
    ('(try (with-timeout 0 (while true 1)) e (obj.get (error) "code"))', "deadline"),
    ('(try (with-timeout 60 (with-timeout 0 (while true 1))) e "the inner one")', "the inner one"),
    ("(with-timeout (/ 1 0) 2)", 2),
]


@pytest.mark.parametrize(
    ("source", "expected"),
    [*NUMBERS, *CONVERSIONS, *LISTS, *OBJECTS, *TEXTS, *TIMES, *JSON, *TOGETHER],
)
async def test_a_rule(source: str, expected: object) -> None:
    value, _ = await told(source)
    assert alike(value, expected), value


REFUSED = [
    ("(% 5 3 2)", "arity"),
    ("(list.slice [1])", "arity"),
    ("(+ 1 1 null)", "type"),
    ("(let xs [1]) (list.set xs -1 2)", "limit"),
    ("(let xs [1]) (list.set xs 0.5 2)", "limit"),
    ("(let k 5) (obj.new [k 1])", "type"),
    ("(let k null) (obj.new [k 1])", "type"),
    ("(obj.new [1 2])", "type"),
    ("(let o null) (obj.keys o)", "type"),
    ("(let o null) (obj.has o 1)", "type"),
    ("(let o null) (obj.del o 1)", "type"),
    ('(obj.reduce "ab" (lambda [sum x] x) 0)', "type"),
    ('(obj.flatMap "ab" (lambda [x] x))', "type"),
    ("(obj.map {} 5)", "type"),
    ('(par.map "ab" (lambda [x] x))', "type"),
    ("(par.map [1] 5)", "type"),
    ('(par.map [1 2] (lambda [x] (throw "no")))', "thrown"),
    ("(let s -1) (with-timeout s 1)", "type"),
    ("(let s (/ 0 0)) (with-timeout s 1)", "type"),
    ('(time.parse "Jan 2024")', "type"),
    ("(send 5 1)", "type"),
    ('(send "message")', "arity"),
]


@pytest.mark.parametrize(("source", "kind"), REFUSED)
async def test_what_is_refused(source: str, kind: str) -> None:
    errors = [found for found in check(parse(source), OPS.signatures) if found.severity is Severity.ERROR]
    if errors:
        assert errors[0].code is Code(kind)
        return
    with pytest.raises(ScriptError) as caught:
        await told(source)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("payload", "text"), [('"Hello!"', "Hello!"), ("{:a [1]}", '{"a":[1]}'), ("null", "null"), ("(/ 0 0)", "null")]
)
async def test_send_tells_whoever_watches_a_message_of_a_type(payload: str, text: str) -> None:
    value, events = await told(f'(send "message" {payload})')
    assert value is None
    assert events == [("log", {"text": text, "type": "message"})]


async def test_a_script_knows_the_entity_it_belongs_to() -> None:
    assert (await told("[(std.this) (std.caller)]"))[0] == [None, None]
    assert (await told('(obj.get (std.this) "id")', this=Entity()))[0] == 7
