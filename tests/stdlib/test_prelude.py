"""Functions of the prelude mean, and cost, what the same code in the script would."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka import stdlib
from mintaka.lang.checker import check
from mintaka.lang.definitions import expanded, read_definitions
from mintaka.lang.diagnostics import Severity
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import Call, Literal, walk
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ScriptError
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers

OPS = OpTable.of(*stdlib.modules)


async def run(source: str, budget: Budget = Budget()) -> Outcome:  # noqa: B008 - frozen
    tree = parse(source)
    assert not [found for found in check(tree, OPS.signatures) if found.severity is Severity.ERROR]
    powers = Powers(clock=lambda: 0.0, random=random.Random(0))
    return await execute(compile_tree(tree, OPS), budget=budget, powers=powers)


async def value(source: str) -> object:
    return (await run(source)).value


async def failure(source: str) -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        await run(source)
    return caught.value


def by_hand(call: str) -> str:
    """``call`` with what it needs of the prelude written in front of it, under names of its own."""
    defines = [
        print_tree(Call("std.define", (Literal(name), Literal(list(found.parameters)), found.body)))
        for name, found in OPS.definitions.items()
        if name in needed(call)
    ]
    return re.sub(r"gen\.([\w-]+)", lambda name: "my_" + name[1].replace("-", "_"), "\n".join([*defines, call]))


def needed(source: str) -> list[str]:
    """What of the prelude is put in front of a script."""
    tree = expanded(parse(source), OPS.definitions)
    defines = [call for call in walk(tree) if isinstance(call, Call) and call.op == "std.define"]
    return [str(define.args[0].value).strip("()") for define in defines if isinstance(define.args[0], Literal)]


class TestMeaning:
    async def test_variations_begin_at_the_seed_they_are_given(self):
        assert await value("(gen.variations {:seed 7} 3)") == [{"seed": 7}, {"seed": 8}, {"seed": 9}]
        assert await value("(gen.variations {} 2)") == [{"seed": 0}, {"seed": 1}]
        assert await value("(gen.variations {:seed 7} 0)") == []

    async def test_what_is_made_shares_nothing_with_what_was_given(self):
        assert await value('(let o {:seed 1}) (obj.set (list.get (gen.variations o 1) 0) "seed" 5) o') == {"seed": 1}

    async def test_an_axis_without_values_leaves_nothing(self):
        assert await value("(gen.grid {:a [1 2] :b []})") == []
        assert await value("(gen.grid {})") == [{}]

    async def test_prompts_fill_in_every_place_of_a_name(self):
        assert await value('(gen.prompts "{a} and {a}, {b}" {:a [1 2]})') == ["1 and 1, {b}", "2 and 2, {b}"]

    async def test_batches_hold_everything_once_and_in_order(self):
        assert await value("(gen.batches [] 3)") == []
        assert await value("(gen.batches [1 2 3] 0)") == [[1], [2], [3]]
        assert await value("(gen.batches [1 2 3] 2.9)") == [[1, 2], [3]]

    async def test_a_retry_stops_at_the_first_success(self):
        assert await value(
            "(let n 0) [(gen.retry 5 (lambda [] (seq (set n (+ n 1)) (if (< n 3) (throw 1)) n))) n]"
        ) == [3, 3]

    async def test_the_last_failure_of_a_retry_goes_on_as_it_is(self):
        error = await failure("(let n 0)\n(gen.retry 3 (lambda [attempt]\n  (throw {:attempt attempt})))")
        assert error.value == {"attempt": 3}  # type: ignore[attr-defined]
        assert (error.kind, error.line, error.column) == ("thrown", 3, 3)
        assert (await failure("(gen.retry 0 (lambda [n] (throw n)))")).value == 1  # type: ignore[attr-defined]

    async def test_running_out_of_fuel_is_not_tried_again(self):
        with pytest.raises(ScriptError) as caught:
            await run("(gen.retry 1000000 (lambda [] (while true 1)))", Budget(fuel=1000))
        assert caught.value.kind == "fuel"

    async def test_the_best_is_the_first_of_equals(self):
        assert await value('(gen.best ["aa" "b" "cc"] (lambda [x] (str.len x)))') == "aa"
        assert await value("(gen.best [] (lambda [x] x))") is None
        assert await value("(gen.best_of 0 (lambda [n] n) (lambda [x] x))") is None


class TestExpansion:
    @pytest.mark.parametrize(
        "call",
        [example.source for each in OPS.definitions.values() for example in each.examples],
        ids=list(OPS.definitions),
    )
    async def test_it_costs_and_gives_what_it_would_by_hand(self, call):
        assert "gen." not in by_hand(call)
        theirs, ours = await run(by_hand(call)), await run(call)
        assert (ours.value, ours.used.fuel) == (theirs.value, theirs.used.fuel)

    def test_a_script_gets_what_it_names_and_what_that_needs(self):
        assert needed('(gen.prompts "{a}" {:a [1]})') == ["gen.grid", "gen.prompts"]
        tree = expanded(parse('(gen.prompts "{a}" {:a [1]})'), OPS.definitions)
        assert not [call for call in walk(tree) if isinstance(call, Call) and call.op in OPS.definitions]

    def test_a_script_that_names_nothing_stays_what_it_is(self):
        tree = parse("'(gen.grid) (let gen.grid 1) 2")
        assert expanded(tree, OPS.definitions) is tree

    async def test_no_variable_of_the_script_is_taken_for_it(self):
        assert await value('(let "(gen.grid)" 1) [(gen.grid {}) (var "(gen.grid)")]') == [[{}], 1]
        assert await value("(let rows 5) (let wider 6) (gen.grid {:a [1]}) [rows wider]") == [5, 6]

    async def test_a_variable_of_the_same_name_is_a_method_call(self):
        assert (await failure("(let gen (arg 0)) (gen.grid {})")).kind == "method_not_found"

    def test_the_checker_knows_the_arity(self):
        [found] = check(parse("(gen.grid)"), OPS.signatures)
        assert (found.code, found.message) == ("arity", "`gen.grid` takes 1 argument, not 0.")
        [found] = check(parse("(gen.gird {})"), OPS.signatures)
        assert found.hint == "Did you mean `gen.grid`?"

    async def test_what_goes_wrong_in_it_is_shown_where_it_was_called(self):
        error = await failure('(let x 1)\n  (gen.sweep {} "a" x)')
        assert (error.kind, error.line, error.column) == ("type", 2, 3)
        assert (await failure("1\n(gen.best [1 2] 5)")).line == 2

    async def test_a_handler_sees_the_place_of_the_call(self):
        assert await value('1\n(try (gen.best [1] 5) e (obj.get (error) "line"))') == 2

    @given(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.lists(st.integers(0, 9), max_size=3), max_size=3))
    async def test_a_grid_has_the_product_of_its_sides(self, axes):
        tree = Call("gen.grid", (Call("std.arg", (parse("0"),)),))
        powers = Powers(clock=lambda: 0.0, random=random.Random(0))
        outcome = await execute(compile_tree(tree, OPS), args=[axes], budget=Budget(), powers=powers)  # type: ignore[list-item]
        size = 1
        for values in axes.values():
            size *= len(values)
        assert len(outcome.value) == size  # type: ignore[arg-type]


class TestReading:
    @pytest.mark.parametrize("source", ["(+ 1 2)", "(define f [x] x)", '(define f [x] (seq "only this"))', "(let f 1)"])
    def test_a_function_without_a_docstring_is_a_mistake(self, source):
        with pytest.raises(ValueError, match=r"docstring|define"):
            read_definitions(source)

    def test_every_function_is_filed_and_described(self):
        described = {str(each["opcode"]): each for each in OPS.describe()}
        for name, definition in OPS.definitions.items():
            assert described[name]["category"] == "Generation"
            assert [each["name"] for each in described[name]["parameters"]] == list(definition.parameters)  # type: ignore[union-attr,index]
