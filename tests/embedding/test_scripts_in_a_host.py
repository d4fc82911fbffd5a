"""A program that embeds the language: what goes in, what comes out, and what a script can reach of its host."""

import asyncio
import enum
import inspect
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mintaka
from mintaka.runtime.run import Run

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "sqlalchemy", "starlette", "torch", "pydantic", "typer", "rich", "prompt_toolkit", "websockets", "msgpack", "numpy",
    "uvicorn", "structlog", "PIL", "diffusers",
}  # fmt: skip
"""What a host that wants the language alone has not asked for."""


class Shop:
    """A host's own object."""

    def __init__(self) -> None:
        self.orders: list[object] = []
        self.till = "full of money"

    def price(self, name: str) -> int | None:
        return {"apple": 3, "pear": 4}.get(name)

    async def order(self, name: str, options: dict[str, object] | None = None) -> tuple[str, int]:
        await asyncio.sleep(0)
        self.orders.append(options)
        return name, len(self.orders)

    def fail(self) -> None:
        raise RuntimeError("the database password is hunter2")

    def refuse(self) -> None:
        raise mintaka.HostFault("The shop is closed; come back in the morning.", kind="denied")

    def myself(self) -> "Shop":
        return self


def shop(*methods: str) -> dict[str, mintaka.HostObject]:
    return {"shop": mintaka.expose(Shop(), *(methods or ("price", "order", "fail", "refuse", "myself")))}


HELD = '(let shop (get-capability "shop"))\n'


def failed(script: object, **how: object) -> mintaka.ScriptError:
    with pytest.raises(mintaka.ScriptError) as caught:
        mintaka.run(script, **how)  # type: ignore[arg-type]
    return caught.value


class TestRunning:
    @pytest.mark.parametrize(
        "script",
        ["(+ 1 (* 2 3))", ["+", 1, ["*", 2, 3]], mintaka.parse("(+ 1 (* 2 3))"), mintaka.compile("(+ 1 (* 2 3))")],
        ids=["text", "JSON", "tree", "program"],
    )
    def test_a_script_may_come_in_every_form(self, script):
        assert mintaka.run(script).value == 7

    def test_arguments_come_by_position(self):
        assert mintaka.run("[(arg 0) (list.len (args))]", ("a", (1, 2))).value == ["a", 2]

    def test_parameters_come_by_name(self):
        script = "(params (name string) (times (int 1 3) 2)) [name times]"
        assert mintaka.run(script, params={"name": "me"}).value == ["me", 2]
        assert failed(script, params={"name": "me", "times": 7}).kind == "limit"
        assert "no parameters" in failed("1", params={"name": "me"}).message
        assert "either" in failed(script, args=[1], params={"name": "me"}).message

    def test_what_was_used_is_told_of_success_and_failure(self):
        script = "(for n (list.range 1 100) n)"
        used = mintaka.run(script).used
        assert used.fuel > 100
        assert failed(script + "(throw 1)").used.fuel >= used.fuel

    def test_a_budget_ends_a_run_and_no_script_can_catch_that(self):
        error = failed("(try (while true 1) e 2)", budget=mintaka.Budget(fuel=1000))
        assert (error.kind, error.used.fuel) == ("fuel", 1000)

    def test_an_error_has_the_line_and_the_column(self):
        error = failed("(let x (arg 0))\n  (list.len x)", args=[1])
        assert (error.kind, error.line, error.column, error.op) == ("type", 2, 3, "list.len")
        assert failed(["list.len", ["std.arg", 0]], args=[1]).line is None

    def test_all_mistakes_are_told_before_anything_runs(self):
        heard = []
        error = failed('(log "begun") (list.mpa [1]) (+ x)', on_event=lambda kind, data: heard.append(kind))
        assert isinstance(error, mintaka.Rejected)
        assert [found.code for found in error.diagnostics] == ["unknown_op", "arity", "unbound"]
        assert (error.kind, error.line, heard) == ("unknown_op", 1, [])
        assert failed("(+ 1").kind == "syntax"
        assert failed([1]).kind == "unknown_op"

    def test_checking_tells_the_same_without_running(self):
        assert mintaka.check("(+ 1 2)") == []
        assert [found.code for found in mintaka.check("(+ 1")] == ["syntax"]
        assert [found.code for found in mintaka.check("(shop.tax 1)")] == ["unknown_op"]
        assert mintaka.check("(shop.tax 1)", ops=mintaka.op_table(tax)) == []

    def test_a_script_is_formatted_whatever_form_it_comes_in(self):
        assert mintaka.format("(+ 1   2) ; three") == "(+ 1 2)  ; three\n"
        assert mintaka.format(["+", 1, ["std.var", "x"]]) == "(+ 1 x)\n"
        with pytest.raises(mintaka.Rejected):
            mintaka.format("(+ 1")

    def test_the_log_goes_to_whoever_listens(self):
        heard = []
        mintaka.run('(log "made" 3)', on_event=lambda kind, data: heard.append((kind, dict(data))))
        assert heard == [("log", {"text": "made 3"})]

    def test_the_clock_is_the_hosts(self):
        assert (
            mintaka.run("(time.now)", clock=lambda: 1_700_000_000.0).value
            == mintaka.run("(time.now)", clock=lambda: 1_700_000_000.0).value
        )

    def test_on_a_running_loop_one_awaits(self):
        async def main():
            with pytest.raises(RuntimeError, match=r"run_async"):
                mintaka.run("1")
            return await asyncio.gather(*(mintaka.run_async("(arg 0)", [n]) for n in range(20)))

        assert [result.value for result in asyncio.run(main())] == list(range(20))


class TestValues:
    def test_results_are_plain_python(self):
        value = mintaka.run('{:a [1 2.5 (/ 4 2) true null "x"] :f (lambda [x] (+ x 1))}').value
        assert value == {"a": [1, 2.5, 2, True, None, "x"], "f": mintaka.ScriptFunction("(lambda [x] (+ x 1))")}
        assert [type(item) for item in value["a"]] == [int, float, int, bool, type(None), str]

    def test_arguments_are_copies(self):
        given = [[1]]
        assert mintaka.run("(list.push (arg 0) 2) (arg 0)", given).value == [1, 2]
        assert given == [[1]]

    def test_what_is_shared_or_cyclic_stays_so(self):
        shared: list[object] = []
        shared.append(shared)
        back = mintaka.run("(arg 0)", [shared]).value
        assert back[0] is back
        assert back is not shared

    def test_a_list_may_be_nested_as_deeply_as_it_likes(self):
        value = mintaka.run("(let x []) (for n (list.range 1 100000) (set x [x])) x").value
        depth = 0
        while value:
            [value] = value
            depth += 1
        assert depth == 100_000

    @pytest.mark.parametrize(
        ("given", "got"),
        [
            (2**60, float(2**60)),
            (2.0, 2),
            (enum.IntEnum("Size", {"BIG": 7}).BIG, 7),
            (enum.StrEnum("Colour", {"RED": "red"}).RED, "red"),
            (types.MappingProxyType({"a": (1,)}), {"a": [1]}),
        ],
    )
    def test_what_python_has_besides_becomes_what_scripts_have(self, given, got):
        value = mintaka.run("(arg 0)", [given]).value
        assert value == got
        assert type(value) is type(got)

    @pytest.mark.parametrize("given", [object(), {1, 2}, b"x", {1: 2}, "\ud800", {"\ud800": 1}, lambda: 1, [[1j]]])
    def test_what_no_script_can_hold_is_refused(self, given):
        assert failed("1", args=[given]).kind == "type"

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53), 2**53)
            | st.floats(allow_nan=False)
            | st.text(st.characters(codec="utf-8")),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
        )
    )
    def test_data_comes_back_as_it_went_in(self, data):
        assert mintaka.run(IDENTITY, [data]).value == data


IDENTITY = mintaka.compile("(arg 0)")


class TestExposing:
    def test_methods_that_were_named_are_called_synchronous_or_not(self):
        value = mintaka.run(
            HELD + '[(shop.price "apple") (shop.order "pear" {:ripe true}) (typeof shop)]', capabilities=shop()
        ).value
        assert value == [3, ["pear", 1], "capability"]

    @pytest.mark.parametrize(
        "method", ["till", "orders", "__class__", "__init__", "_methods", "constructor", "call", "price.__globals__"]
    )
    def test_nothing_else_is_reachable(self, method):
        error = failed(HELD + f'(call-method shop "{method}")', capabilities=shop("price"))
        assert error.kind == "method_not_found"
        assert mintaka.run(HELD + "(obj.keys shop)", capabilities=shop("price")).value == []

    def test_a_method_of_nearly_that_name_is_suggested(self):
        assert failed(HELD + "(shop.prise 1)", capabilities=shop()).hint == "Did you mean `price`?"

    def test_what_a_method_is_given_is_the_hosts_own_copy(self):
        mine = Shop()
        script = HELD + '(let options {:n 1}) (shop.order "pear" options) (obj.set options "n" 2) options'
        assert mintaka.run(script, capabilities={"shop": mintaka.expose(mine, "order")}).value == {"n": 2}
        assert mine.orders == [{"n": 1}]

    def test_a_failure_tells_the_script_nothing_of_the_host(self):
        error = failed(HELD + "(shop.fail)", capabilities=shop())
        assert (error.kind, error.message, error.line) == ("internal", "`fail` of this capability failed.", 2)
        assert isinstance(error.__cause__, RuntimeError)
        caught = mintaka.run(HELD + "(try (shop.fail) e (json.stringify [e (error)]))", capabilities=shop()).value
        assert "hunter2" not in caught

    def test_a_refusal_is_told_in_its_own_words(self):
        error = failed(HELD + "(shop.refuse)", capabilities=shop())
        assert (error.kind, error.message) == ("denied", "The shop is closed; come back in the morning.")

    def test_arguments_that_do_not_fit_are_an_arity_error(self):
        error = failed(HELD + "(shop.price)", capabilities=shop())
        assert (error.kind, error.message) == ("arity", "`price` takes name; 0 arguments were given.")

    @pytest.mark.parametrize(
        "method",
        [
            lambda: 0,
            lambda a, b: 0,
            lambda a, /, b=1: 0,
            lambda *rest: 0,
            lambda a, *rest, key=1: 0,
            lambda a, *, key: 0,
            lambda a, **options: 0,
        ],
    )
    def test_a_method_is_called_with_as_many_arguments_as_python_would_take(self, method):
        held = {"shop": mintaka.expose(types.SimpleNamespace(method=method), "method")}
        for count in range(4):
            try:
                inspect.signature(method).bind(*range(count))
            except TypeError:
                assert failed(f"{HELD}(shop.method {'1 ' * count})", capabilities=held).kind == "arity"
            else:
                assert mintaka.run(f"{HELD}(shop.method {'1 ' * count})", capabilities=held).value == 0

    def test_an_object_that_was_not_exposed_cannot_be_given_back(self):
        assert "mintaka.expose" in failed(HELD + "(shop.myself)", capabilities=shop()).message

    def test_a_host_object_comes_back_as_itself(self):
        held = shop()
        assert mintaka.run('(get-capability "shop")', capabilities=held).value is held["shop"]

    def test_a_script_has_only_what_it_was_handed(self):
        assert mintaka.run('[(get-capability "shop") (has-capability "shop")]').value == [None, False]

    def test_calls_are_counted_against_the_budget(self):
        error = failed(HELD + '(while true (shop.price "apple"))', capabilities=shop(), budget=mintaka.Budget(calls=3))
        assert (error.kind, error.used.calls) == ("no_budget", 3)

    def test_only_public_methods_that_exist_can_be_exposed(self):
        for names in ((), ("_methods",), ("__class__",), ("till",), ("nothing",)):
            with pytest.raises(ValueError, match=r"."):
                mintaka.expose(Shop(), *names)


@mintaka.op("shop.tax")
def tax(amount: float, rate: float = 0.5) -> float:
    """What the state takes."""
    return amount * rate


@mintaka.op("shop.slow")
async def slow(run: mintaka.Run, each: mintaka.Function, times: float) -> list[mintaka.Value]:
    """Call back."""
    await asyncio.sleep(0)
    return [times]


@mintaka.op("shop.twice")
def twice(run: mintaka.Run, each: mintaka.Function) -> mintaka.Value:
    """Call back twice."""
    return (run.apply(each, 1), run.apply(each, 2), each)  # type: ignore[return-value]


class TestOps:
    def test_a_function_becomes_an_op(self):
        table = mintaka.op_table(tax, slow, twice)
        assert mintaka.run("[(shop.tax 10) (shop.tax 10 0.1)]", ops=table).value == [5, 1]
        assert mintaka.run("(shop.slow (lambda [] 1) 3)", ops=table).value == [3]
        assert mintaka.run("(list.slice (shop.twice (lambda [x] (* x 10))) 0 2)", ops=table).value == [10, 20]
        assert tax(10) == 5

    def test_its_annotations_are_checked(self):
        error = failed('(shop.tax "much")', ops=mintaka.op_table(tax))
        assert error.kind == "type"
        assert failed("(shop.tax)", ops=mintaka.op_table(tax)).kind == "arity"

    def test_it_is_not_there_unless_it_is_passed(self):
        assert failed("(shop.tax 10)").kind == "unknown_op"

    def test_an_op_finds_the_hosts_objects_it_was_given(self):
        @mintaka.op("shop.order")
        def order(run: Run, name: str) -> bool:
            """Order."""
            run.host(Shop).orders.append(name)
            return True

        mine = Shop()
        table = mintaka.op_table(order)
        mintaka.run('(shop.order "pear")', ops=table, hosts={Shop: mine})
        assert mine.orders == ["pear"]
        assert failed('(shop.order "pear")', ops=table).kind == "denied"

    def test_what_it_gives_must_be_a_value_of_a_script(self):
        @mintaka.op("shop.odd")
        def odd() -> mintaka.Value:
            """Give a set."""
            return {1, 2}  # type: ignore[return-value]

        assert "`shop.odd` gave a Python set" in failed("(shop.odd)", ops=mintaka.op_table(odd)).message

    @pytest.mark.parametrize("name", ["let", "std.if", "log", "a b", "shop.get-price", "", "(x)", "7up"])
    def test_a_name_no_script_can_write_is_refused(self, name):
        with pytest.raises(ValueError, match=r"cannot name an op"):
            mintaka.op(name)

    def test_a_name_that_is_taken_is_refused(self):
        @mintaka.op("list.map")
        def mine() -> float:
            """Mine."""
            return 1

        with pytest.raises(ValueError, match=r"there is an op list.map already"):
            mintaka.op_table(mine)
        with pytest.raises(ValueError, match=r"shop.tax"):
            mintaka.op_table(tax, tax)
        with pytest.raises(TypeError, match=r"@mintaka.op"):
            mintaka.op_table(len)

    def test_a_type_that_scripts_do_not_have_is_refused(self):
        with pytest.raises(TypeError, match=r"shop.bytes"):

            @mintaka.op("shop.bytes")
            def give() -> bytes:
                """Give bytes."""
                return b""

        with pytest.raises(TypeError, match=r"shop.bare"):

            @mintaka.op("shop.bare")
            def bare(x) -> float:
                """No annotation."""
                return x


def loaded_by(program: str) -> set[str]:
    code = f"{program}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_import_loads_nothing_until_a_name_is_used():
    assert loaded_by("import mintaka") & {"asyncio", "lark", "greenlet", *HEAVY} == set()


def test_running_a_script_loads_nothing_a_server_needs():
    assert loaded_by("import mintaka; assert mintaka.run('(gen.grid {:a [1]})').value == [{'a': 1}]") & HEAVY == set()


def test_names_that_do_not_exist_are_attribute_errors():
    with pytest.raises(AttributeError, match=r"nonsense"):
        mintaka.nonsense  # noqa: B018
    assert set(mintaka.__all__) <= set(dir(mintaka))


def test_the_example_does_what_it_says():
    example = [sys.executable, str(ROOT / "examples" / "embedding.py")]
    done = subprocess.run(example, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "  log: to pay: 26.55"
    assert done.stdout.splitlines()[1].startswith("26.55 for 2 calls and ")
    assert done.stdout.splitlines()[2:] == ["refused: The shop has no moon. (line 8)"]


def test_a_program_runs_in_many_threads_at_once():
    program = mintaka.compile("(let sum 0) (for n (list.range 1 (arg 0)) (set sum (+ sum n))) sum")
    with ThreadPoolExecutor(4) as pool:
        values = pool.map(lambda n: mintaka.run(program, [n]).value, range(1, 40))
        assert list(values) == [n * (n + 1) // 2 for n in range(1, 40)]
