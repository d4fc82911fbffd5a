"""The checker finds what cannot run before it runs, all of it at once, and says what to do."""

import pytest

from mintaka.lang import limits
from mintaka.lang.checker import check
from mintaka.lang.diagnostics import Code, Diagnostic, Severity
from mintaka.lang.parser import parse
from mintaka.lang.signatures import Signature
from mintaka.lang.tree import from_json

SIGNATURES = {
    signature.name: signature
    for signature in (
        Signature("+", 2, None),
        Signature("std.log", 1, None),
        Signature("list.new", 0, None),
        Signature("list.push", 2, 2),
        Signature("list.slice", 1, 3),
        Signature("std.args", 0, 0),
        Signature("std.throw", 1, 1),
    )
}


def found(source: str) -> list[Diagnostic]:
    return check(parse(source), SIGNATURES)


def codes(source: str) -> list[Code]:
    return [diagnostic.code for diagnostic in found(source)]


def test_an_unknown_op_is_an_error_with_the_near_name() -> None:
    (diagnostic,) = found("(list.psuh [1] 2)")
    assert diagnostic.code is Code.UNKNOWN_OP
    assert diagnostic.hint == "Did you mean `list.push`?"


def test_a_short_name_in_the_json_form_is_told_the_whole_one() -> None:
    (diagnostic,) = check(from_json(["log", "x"]), SIGNATURES)
    assert diagnostic.hint == "Did you mean `std.log`?"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("(+ 1)", "at least 2 arguments, not 1"),
        ("(list.push [1])", "2 arguments, not 1"),
        ("(list.slice)", "1 to 3 arguments, not 0"),
        ("(args 1)", "no arguments, not 1"),
        ("(throw)", "1 argument, not 0"),
        ("(let x)", "2 arguments, not 1"),
        ("(if true)", "2 to 3 arguments, not 1"),
    ],
)
def test_a_wrong_number_of_arguments_is_an_error(source: str, words: str) -> None:
    (diagnostic,) = found(source)
    assert diagnostic.code is Code.ARITY
    assert words in diagnostic.message


@pytest.mark.parametrize(
    "source",
    ["(let 5 1)", "(var null)", "(for [x] [1] 2)", "(lambda 5 1)", "(lambda [5] 1)", "(obj.new [1 2])", "(obj.new 5)"
    ],
)  # fmt: skip
def test_what_is_no_name_or_pair_where_one_belongs_is_an_error(source: str) -> None:
    assert Code.TYPE in codes(source)


def test_an_unbound_name_is_an_error_with_the_near_name() -> None:
    (diagnostic,) = found("(let picture 1) (log pictur)")
    assert diagnostic.code is Code.UNBOUND
    assert diagnostic.severity is Severity.ERROR
    assert diagnostic.hint == "Did you mean `picture`?"
    assert diagnostic.span.column == 22


def test_a_name_bound_only_in_a_branch_is_null_outside_with_a_warning() -> None:
    (diagnostic,) = found("(if true (let x 1)) x")
    assert diagnostic.code is Code.OUT_OF_SCOPE
    assert diagnostic.severity is Severity.WARNING


def test_applying_what_nothing_binds_is_a_type_error() -> None:
    (diagnostic,) = check(from_json(["std.apply", ["std.var", "nope"]]), SIGNATURES)
    assert diagnostic.code is Code.TYPE


@pytest.mark.parametrize(
    "source",
    [
        "(for x [1] (log x))",
        "(lambda [x] (+ x x))",
        "(try (throw 1) e (log e))",
        "(params (n int 1)) (log n)",
        "(define f [n] (f n))",
        "(let f (lambda [n] (f n)))",
        "(let fs [(lambda [] fs)])",
        "(let even (lambda [n] (odd n))) (let odd (lambda [n] (even n)))",
        "(+ (let a 1) a)",
        "(while (let x true) (log x))",
        "(let x 1) (if true (set x 2)) x",
        "(try (throw 1) e (log (error)))",
    ],
)
def test_names_are_seen_where_they_are_bound(source: str) -> None:
    assert found(source) == []


@pytest.mark.parametrize("source", ["(log x) (let x 1)", "(for x [1] 2) x", "((lambda [x] 1) 2) x", "(try 1 e 2) e"])
def test_names_are_not_seen_outside_their_scope(source: str) -> None:
    assert Code.OUT_OF_SCOPE in codes(source)


@pytest.mark.parametrize(
    "source",
    ["(break)", "(continue)", "(for x [1] (lambda [] (break)))", "(for x (break) 1)", "(error)", "(try (error))"],
)
def test_what_stands_where_it_means_nothing_is_misplaced(source: str) -> None:
    assert codes(source) == [Code.MISPLACED]


@pytest.mark.parametrize("source", ["(while true (+ 1 (break)))", "(while (break) 1)", "(for x [1] (if x (continue)))"])
def test_break_and_continue_stand_anywhere_in_a_loop(source: str) -> None:
    assert found(source) == []


def test_all_problems_are_told_in_order_of_their_places() -> None:
    assert codes("(nope 1)\n(+ 1)\n(log x)\n(break)") == [Code.UNKNOWN_OP, Code.ARITY, Code.UNBOUND, Code.MISPLACED]


def test_data_is_not_checked_as_code() -> None:
    assert found("(quote (nope x))") == []


def test_a_diagnostic_as_json_has_code_severity_message_place_and_hint() -> None:
    (diagnostic,) = found("(list.psuh [1] 2)")
    assert diagnostic.to_json() == {
        "code": "unknown_op",
        "severity": "error",
        "message": "There is no op `list.psuh`.",
        "hint": "Did you mean `list.push`?",
        "line": 1,
        "column": 2,
        "end_line": 1,
        "end_column": 11,
    }


def test_a_diagnostic_of_a_json_form_has_a_path() -> None:
    (diagnostic,) = check(from_json(["std.seq", ["std.log", ["nope"]]]), SIGNATURES)
    assert diagnostic.to_json()["path"] == [1, 1, 0]
    assert "/1/1/0" in diagnostic.render("")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(params 5)", "is declared as"),
        ("(params (x))", "is declared as"),
        ("(params (1 int))", "begins with its name"),
        ("(params (x colour))", "has no type that is known"),
        ("(params (x (int 5 1)))", "the lower first"),
        ("(params (x int 1 2))", "is a text"),
        ('(params (x int "a"))', "of type int, and its default a string"),
        ("(params (x int 1.5))", "a whole number, not 1.5"),
        ("(params (x (int 1 50) 90))", "from 1 to 50, not 90"),
        ('(params (x (choice "a" "b") "c"))', "one of its choices: a, b"),
        ('(params (x image "cat.png"))', "of type image, and its default a string"),
    ],
)
def test_a_parameter_that_is_declared_wrongly_is_an_error(source: str, message: str) -> None:
    (diagnostic,) = found(source)
    assert diagnostic.code is Code.DECLARATION
    assert message in diagnostic.message


@pytest.mark.parametrize(
    "declaration",
    ["(x int 7)", "(x int null)", "(x any [1])", "(x (number 0 1) 0.5)", '(x (choice "a" 1) 1)', "(x image null)"],
)
def test_a_default_that_the_parameter_would_take_or_null_is_right(declaration: str) -> None:
    assert found(f"(params {declaration}) x") == []


@pytest.mark.parametrize(
    "source",
    ["(log 1) (seq (params (x int)) x)", "((lambda [] (params (x int)) x))", "(params (x int)) (params (y int)) [x y]"],
)
def test_parameters_are_declared_once_and_at_the_top(source: str) -> None:
    assert Code.MISPLACED in codes(source)


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("(params (x int) (x string)) x", Severity.ERROR),
        ("{:a 1 :b 2 :a 3}", Severity.WARNING),
        ("(lambda [x y x] [x y])", Severity.WARNING),
        ("(define f [x x] x)", Severity.WARNING),
    ],
)
def test_a_name_that_stands_twice_in_one_place_is_told(source: str, severity: Severity) -> None:
    (diagnostic,) = found(source)
    assert (diagnostic.code, diagnostic.severity) == (Code.DUPLICATE, severity)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(let x 1) 2", "The variable `x` is never read."),
        ("(let x 1) (set x 2) 3", "The variable `x` is never read."),
        ("(define f [] 1) 2", "The function `f` is never called."),
        ("(define f [x] 1) (f 2)", "The parameter `x` is never read."),
        ("(params (x int)) 2", "The parameter `x` is never read."),
        ("(for y [1] (seq (let x y) 1))", "The variable `x` is never read."),
    ],
)
def test_what_nothing_reads_is_a_warning(source: str, message: str) -> None:
    (diagnostic,) = found(source)
    assert (diagnostic.code, diagnostic.severity) == (Code.UNUSED, Severity.WARNING)
    assert diagnostic.message == message


@pytest.mark.parametrize(
    "source",
    [
        "(let _x 1) 2",
        "(let x 1)",
        "(define f [] 1)",
        "(lambda [x] (let y x))",
        "(+ (let x 1) 2)",
        "(for x [1] 2)",
        "(try 1 e 2)",
        "(lambda [x] 1)",
        "(let x 1) (lambda [] x)",
        "(if true (let x 1) 2)",
    ],
)
def test_what_need_not_be_read_is_not_told(source: str) -> None:
    assert found(source) == []


def test_a_variable_that_hides_another_is_told_how_to_change_that_one() -> None:
    (diagnostic,) = found("(let x 1) (if true (seq (let x 2) 3)) x")
    assert diagnostic.hint == "There is another `x` in the script; to change that one, write (set x …)."


def test_a_name_that_was_probably_meant_elsewhere_is_not_called_unused() -> None:
    assert codes("(let picture 1) (log pictur)") == [Code.UNBOUND]


def test_a_script_as_deep_as_may_be_is_checked() -> None:
    def nested(inner: object, wrap: str) -> object:
        for _ in range(limits.MAX_DEPTH - 3):
            inner = ["std.lambda", ["x"], inner] if wrap == "std.lambda" else [wrap, inner]
        return inner

    for wrap in ("std.seq", "std.lambda", "list.new", "nope"):
        check(from_json(nested(["std.var", "x"], wrap)), SIGNATURES)


def test_names_of_any_length_and_number_are_compared_in_bounded_time() -> None:
    long = "x" * 100_000
    steps = [["std.let", long, 1], *(["std.var", f"{long}{index}"] for index in range(3))]
    many = [["std.var", f"v{index}"] for index in range(2_000)]
    (*_, last) = check(from_json(["std.seq", *steps, *many]), SIGNATURES)
    assert last.code is Code.UNBOUND


@pytest.mark.parametrize("form", ["(let x)", "(define x [a] 1 2)", "(for x)"])
def test_a_name_that_a_misshapen_form_was_to_bind_is_no_mistake_of_its_own(form: str) -> None:
    assert {each.code for each in found(f"{form} (log x)")} == {Code.ARITY}


def test_a_misplaced_break_makes_nothing_unreachable() -> None:
    assert [each.code for each in found("(break) (log 1)")] == [Code.MISPLACED]
