"""What is known of values before a script runs: what is certain to fail is an error, what may fail a warning."""

import random

import pytest

from mintaka import stdlib
from mintaka.lang.checker import Analysis, analyse
from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.tree import from_json
from mintaka.runtime.ops import OpTable
from tests.reference.agreement import defined
from tests.reference.checks import FAILS_WHEN_RUN
from tests.reference.programs import Programs

SIGNATURES = OpTable.of(*stdlib.modules).signatures
SEEDS = 200


def told(source: str) -> Analysis:
    return analyse(parse(source), SIGNATURES)


def found(source: str, code: Code = Code.TYPE) -> list[Diagnostic]:
    return [diagnostic for diagnostic in told(source).diagnostics if diagnostic.code is code]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(str.upper 5)", "`str.upper` wants a string as `text`, not a number."),
        ("(+ 1 2 true)", "`+` wants a number as `more`, not a boolean."),
        ("(list.len {:a 1})", "`list.len` wants a list as `items`, not an object."),
        ("(list.map [1] 5)", "`list.map` wants a function as `each`, not a number."),
        ("(str.slice (str.len \"a\") 1)", "`str.slice` wants a string as `text`, not a number."),
        ("(let n 5) (str.upper n)", "`str.upper` wants a string as `text`, not a number."),
        ("(let f 5) (f 1)", "Only a function can be called, and this is a number."),
        ("(list.len '{:a 1})", "`list.len` wants a list as `items`, not an object."),
        ("(str.upper (if (arg 0) 1 null))", "`str.upper` wants a string as `text`, not a number or null."),
        ("(str.upper (not 1))", "`str.upper` wants a string as `text`, not a boolean."),
        ("(with-timeout \"soon\" 1)", "`std.with_timeout` takes a number of seconds, not a string."),
        ("(params (n (int 1 5) 2)) (str.upper n)", "`str.upper` wants a string as `text`, not a number."),
        ("(params (c (choice 1 2))) (str.upper c)", "`str.upper` wants a string as `text`, not a number."),
        ("(log \"first\") (for x [1] (log x)) (str.upper 5)", "`str.upper` wants a string as `text`, not a number."),
    ],
)  # fmt: skip
def test_what_fails_on_every_run_is_an_error(source: str, message: str) -> None:
    (error,) = found(source)
    assert (error.severity, error.message) == (Severity.ERROR, message)


@pytest.mark.parametrize(
    "source",
    [
        "(if (arg 0) (str.upper 5))",
        "(and (arg 0) (str.upper 5))",
        "(nullish (arg 0) (str.upper 5))",
        "(for x (args) (str.upper 5))",
        "(while (arg 0) (str.upper 5))",
        "(lambda [] (str.upper 5))",
        "(try (str.upper 5) e e)",
        "(try (arg 0) e (str.upper 5))",
        "(with-timeout 1 (str.upper 5))",
        "(par.all (str.upper 5))",
        "(if (arg 0) (return 1)) (str.upper 5)",
        "(if (arg 0) (throw 1)) (str.upper 5)",
        "(while true (if (arg 0) (break))) (str.upper 5)",
        "(str.upper (seq (nope) 5))",
    ],
)
def test_what_fails_if_it_is_ever_evaluated_is_a_warning(source: str) -> None:
    (warning,) = found(source)
    assert warning.severity is Severity.WARNING


@pytest.mark.parametrize(
    "source",
    [
        "(str.upper (arg 0))",
        "(let n 5) (set n \"a\") (str.upper n)",
        "(let n 5) (let n \"a\") (str.upper n)",
        "(let f (lambda [n] (str.upper n))) (f 5)",
        "(str.upper (if (arg 0) 1 \"a\"))",
        "(define f [] (str.upper late)) (let late 5)",
        "(params (s string null)) (str.upper s)",
        "(params (s any 5)) (str.upper s)",
        "(params (c (choice 1 \"a\"))) (str.upper c)",
        "(for x [1] (str.upper x))",
        "(try (throw 1) e (str.upper e))",
        "(str.upper (return 5))",
        "(+ 1 (throw 1))",
        "(with-timeout (arg 0) 1)",
    ],
)  # fmt: skip
def test_what_may_be_right_is_not_told(source: str) -> None:
    assert found(source) == []


def test_plain_values_have_no_methods() -> None:
    (error,) = found("(let n [1]) (n.textToImage 1)", Code.UNKNOWN_METHOD)
    assert (error.severity, error.message) == (Severity.ERROR, "A list has no method `textToImage`.")
    assert found('(call-method 5 "constructor" "7")', Code.UNKNOWN_METHOD) == []


@pytest.mark.parametrize(
    "source",
    [
        "(seq (throw 1) (log 2))",
        "(lambda [] (seq (return 1) 2))",
        "(for x [1] (seq (break) (log x)))",
        "(for x [1] (seq (if x (continue) (break)) (log x)))",
        "(log 1) (return 2) (log 3) (log 4)",
        "(let x (return 1)) (log x)",
    ],
)
def test_what_stands_behind_what_leaves_is_never_evaluated(source: str) -> None:
    (warning,) = found(source, Code.UNREACHABLE)
    assert warning.severity is Severity.WARNING


def test_the_whole_of_what_is_never_evaluated_is_shown() -> None:
    (warning,) = found("(return 1)\n(log 2)\n(log 3)", Code.UNREACHABLE)
    assert (warning.span.line, warning.span.column, warning.span.end_line, warning.span.end_column) == (2, 1, 3, 8)


@pytest.mark.parametrize(
    "source",
    ["(if (arg 0) (return 1)) 2", "(try (throw 1)) 2", "(for x [1] (break)) 2", "(let f (lambda [] (return 1))) (f)"],
)
def test_what_may_be_reached_is_not_told(source: str) -> None:
    assert found(source, Code.UNREACHABLE) == []


def test_the_kinds_of_variables_and_of_the_result_are_told() -> None:
    analysis = told('(params (steps int 20)) (let name "a") (let f (lambda [x] x)) (let any (f name)) [steps any]')
    assert analysis.variables == [("steps", "number"), ("name", "string"), ("f", "function")]
    assert analysis.result == "list"
    assert told("(if (arg 0) 1)").result == "number | null"
    assert told("(arg 0)").result == "any"
    assert told("(throw 1)").result == "never"


def kind(picture: object) -> str:
    """The kind of a value, of which the reference gives a picture."""
    if picture == "the bench":
        return "capability"
    if isinstance(picture, list | tuple):
        return str(picture[0])
    return {type(None): "null", bool: "boolean", str: "string"}[type(picture)]


@pytest.mark.parametrize("part", range(4))
def test_programs_that_are_certain_to_fail_do_and_the_others_give_what_was_told(part: int) -> None:
    for seed in range(part * SEEDS // 4, (part + 1) * SEEDS // 4):
        tree = parse(print_tree(from_json(Programs(random.Random(seed)).program())))
        analysis = analyse(tree, SIGNATURES)
        certain = [
            each for each in analysis.diagnostics if each.severity is Severity.ERROR and each.code in FAILS_WHEN_RUN
        ]
        run = defined(tree)
        if run.end == "value":
            assert not certain, f"seed {seed}"
            assert analysis.result == "any" or kind(run.value) in analysis.result.split(" | "), f"seed {seed}"
