"""What programs mean where that is not obvious: control flow, scope, closures, evaluation order, values."""

import pytest

from mintaka.runtime.errors import ArityError, HostFault, Thrown, TypeFault

FIB = "(define fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        # break, continue and return from any expression position
        ("(let r []) (for x [1 2 3 4] (list.push r (if (== x 2) (continue) (if (== x 4) (break) x)))) r", [1, 3]),
        ("(let f (lambda [x] (for y [1 2 3] (if (== y x) (return (* y 10)))))) [(f 2) (f 9)]", [20, None]),
        ("(list.new 1 (return 2))", 2),
        ("(let n 0) (while true (set n (+ n (if (> n 5) (break) 1)))) n", 6),
        ("(let f (lambda [] (seq (list.map [1 2] (lambda [x] (return x))) 9))) (f)", 9),
        ("(let n 0) (while (if (> n 2) (break) true) (set n (+ n 1))) n", 3),
        # arguments are evaluated from left to right, each before a later one can change it
        ("(let x 1) [x (set x 2) x]", [1, 2, 2]),
        ("(let x 1) (let f (lambda [] (set x 5))) [x (f) x]", [1, 5, 5]),
        ("(let xs []) [(list.len xs) (seq (list.push xs 1) 0) (list.len xs)]", [0, 0, 1]),
        # every turn of a loop has its own variables
        ("(let fs []) (for i [1 2 3] (list.push fs (lambda [] i))) (list.map fs (lambda [f] (f)))", [1, 2, 3]),
        (
            "(let fs []) (for i [1 2] (seq (let j i) (list.push fs (lambda [] (set j (+ j 10))))))"
            " (list.map fs (lambda [f] (seq (f) (f))))",
            [21, 22],
        ),
        ("(let fs []) (for i [1 2] (list.push fs (lambda [] (lambda [] i)))) (list.map fs (lambda [f] ((f))))", [1, 2]),
        # what a callback in line gives a variable around it stays there
        ("(let last null) [(list.map [1 2] (lambda [x] (set last 7))) last]", [[7, 7], 7]),
        ("(let last null) [(list.map [1 2] (lambda [x] (set last (* x 2)))) last]", [[2, 4], 4]),
        ("(let seen 0) [(list.filter [1 2] (lambda [x] (seq (set seen 5) (> x 1)))) seen]", [[2], 5]),
        # functions see themselves and one another
        (FIB + " (fib 15)", 610),
        ("(let even (lambda [n] (if (== n 0) true (odd (- n 1)))))"
         "(let odd (lambda [n] (if (== n 0) false (even (- n 1))))) (even 11)", False),
        ("(let x 1) (let f (lambda [] x)) (let x 2) (f)", 2),
        ("(let x 1) (let g (seq (let x 5) (lambda [] x))) [(g) x]", [5, 1]),
        ("(let counter (lambda [] (seq (let n 0) (lambda [] (set n (+ n 1))))))"
         " (let c (counter)) (c) (c) [(c) ((counter))]",
         [3, 1]),
        # missing arguments are null, superfluous ones dropped
        ("((lambda [a b] [a b]) 1)", [1, None]),
        ("((lambda [] 7) 1 2 3)", 7),
        # null stands for what is not there
        ("(list.get [1] 5)", None),
        ("(seq)", None),
        ("(for x 5 1)", None),
        ("(or 1 (let q 5)) q", None),
        # literals are made afresh
        ("(let f (lambda [] '[1])) (list.push (f) 2) (f)", [1]),
        ("(let f (lambda [] '{:a 1})) (obj.set (f) \"a\" 2) (f)", {"a": 1}),
        ("(== {} {})", False),
        # errors
        ("(try (throw {:a 1}) e (obj.get e \"a\"))", 1),
        ("(try (throw 1))", None),
        ("(try (list.get 5 0) e \"failed\")", "failed"),
        ("(let e 1) (try (throw 2) e e) e", 1),
        ("(try (try (throw 1) e (throw (+ e 1))) e e)", 2),
        ("(let f (lambda [] (try (return 1) e 2))) (f)", 1),
        ("(let n 0) (for x [1 2 3] (try (if (== x 2) (break) (set n x)) e 0)) n", 1),
        # numbers
        ("(+ 9007199254740992 1)", 9007199254740992),
        ("(* 9007199254740993 9007199254740993)", 9007199254740992.0**2),
        ("(/ 6 3)", 2),
        ("(/ 1 0)", float("inf")),
    ],
)  # fmt: skip
async def test_a_program_means(run, source: str, value: object) -> None:
    assert await run.value(source) == value


async def test_a_handler_can_read_the_whole_error(run) -> None:
    assert await run.value("(try\n  (list.get 5 0) e (error))") == {
        "code": "type",
        "message": "`list.get` wants a list as `items`, not a number.",
        "op": "list.get",
        "line": 2,
        "column": 3,
        "hint": None,
        "data": {},
    }


async def test_an_error_inside_a_callback_stands_where_it_happened(run) -> None:
    with pytest.raises(Thrown) as caught:
        await run("(list.map [1]\n  (lambda [x]\n    (throw x)))")
    assert caught.value.value == 1
    assert caught.value.op == "std.throw"
    assert str(caught.value.span) == "line 3, column 5"


@pytest.mark.parametrize(
    "source", ["(let f 5) (f 1)", "(apply null)", '(+ 1 "a")', "(obj.set 5 1 1)", "(list.map [1] 5)"]
)
async def test_a_wrong_type_is_a_type_error_with_op_and_place(run, source: str) -> None:
    with pytest.raises(TypeFault) as caught:
        await run(source)
    assert caught.value.op is not None
    assert caught.value.span is not None


async def test_a_missing_key_without_a_default_is_an_error(run) -> None:
    with pytest.raises(HostFault) as caught:
        await run('(obj.get {} "width")')
    assert caught.value.kind == "missing_key"
    assert caught.value.data == {"key": "width"}


@pytest.mark.parametrize("depth", [5, 13, 25, 60])
async def test_programs_nested_deeper_than_python_allows_mean_the_same(run, depth: int) -> None:
    inner = "(set r (+ r x))"
    for level in range(depth):
        inner = f"(for v{level} [1] (try {inner} e (throw e)))"
    assert await run.value(f"(let x 7) (let r 0) {inner} r") == 7


@pytest.mark.parametrize("depth", [1, 11, 13, 14, 30])
async def test_break_continue_and_return_cross_any_depth_of_nesting(run, depth: int) -> None:
    inner = '(if (== r 3) (break) (if (== r 2) (continue) (if (== r 9) (return "never") r)))'
    for _ in range(depth):
        inner = f"(try {inner} e 5)"
    assert await run.value(
        f"(let r 0) (let out []) (while (< r 10) (seq (set r (+ r 1)) (list.push out {inner}))) [r out]"
    ) == [3, [1]]
    returned = "(return 42)"
    for _ in range(depth):
        returned = f"(for q [1] {returned})"
    assert await run.value(f"{returned} 7") == 42
    tail = "(if c (return 1) 5)"
    for _ in range(depth):
        tail = f"(if true (try {tail} e 0) 1)"
    assert await run.value(f"(let f (lambda [c] {tail})) [(f true) (f false)]") == [1, 5]


async def test_functions_nested_to_the_limit_compile(run) -> None:
    source = "a0"
    for level in range(240):
        source = f"(lambda [a{level}] {source})"
    assert await run.value(f"(typeof {source})") == "object"


async def test_declared_parameters_take_arguments_by_position_by_name_or_by_default(run) -> None:
    source = '(params (prompt string "a cat") (steps (int 1 50) 20)) [prompt steps]'
    assert await run.value(source) == ["a cat", 20]
    assert await run.value(source, "a dog", 5) == ["a dog", 5]
    assert await run.value(source, {"steps": 7}) == ["a cat", 7]
    with pytest.raises(ArityError):
        await run("(params)", {})


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((), ArityError),
        (("a", 1, 2, 3), ArityError),
        (({"prompt": "a", "stepps": 3},), ArityError),
        ((5,), TypeFault),
        (("a", 2.5), TypeFault),
        (("a", 51), HostFault),
        (("a", 5, "green"), HostFault),
    ],
)
async def test_arguments_that_do_not_fit_the_parameters_are_refused(run, args, error) -> None:
    with pytest.raises(error):
        await run('(params (prompt string) (steps (int 1 50) 20) (colour (choice "red" "blue") "red")) prompt', *args)


async def test_what_a_script_logs_goes_to_the_run_events(run) -> None:
    await run('(log "made" 3 [1 2]) (warn "careful")')
    assert run.events == [
        ("log", {"text": "made 3 1,2"}),
        ("log", {"text": "careful", "level": "warning"}),
    ]
