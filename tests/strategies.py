"""Hypothesis strategies for scripts: trees as the readers give them, meaningful or not, and programs that run."""

from random import Random

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mintaka.lang.forms import FORMS, ArgKind
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.parser import parse
from mintaka.lang.printer import print_tree
from mintaka.lang.reader import tokens
from mintaka.lang.tree import Call, Data, Group, Literal, Node, from_json
from tests.reference.programs import Programs

allow_deep_recursion()  # Hypothesis warns of code that does so during a test

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.one_of(st.sampled_from(["x", "y", "f", "list", "let", "log", "a-b", "a.b", "true", "1a", "é", ""]), TEXTS)
OPS = st.one_of(
    st.sampled_from(["+", "-", "list.map", "list.new", "std.log", "get_capability", "a-b", "x", "std.call_method"]),
    NAMES,
)
NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != int(x) or abs(x) > 2**53),
    st.just(-0.0),
)
SCALARS: SearchStrategy[Data] = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
DATA: SearchStrategy[Data] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


def _not_a_list(data: Data) -> bool:
    return not isinstance(data, list)


def _calls(inner: SearchStrategy[Node]) -> SearchStrategy[Node]:
    literals = DATA.filter(_not_a_list).map(Literal)
    by_kind = {
        ArgKind.CODE: inner,
        ArgKind.NAME: st.one_of(NAMES.map(Literal), inner),
        ArgKind.NAMES: st.one_of(st.lists(NAMES, max_size=3).map(Literal), DATA.map(Literal)),
        ArgKind.DATA: DATA.map(Literal),
        ArgKind.PAIR: st.one_of(st.lists(inner, max_size=3).map(lambda items: Group(tuple(items))), literals),
        ArgKind.PARAMETER: st.one_of(
            st.tuples(NAMES, st.just("int"), NUMBERS).map(lambda p: Literal(list(p))), DATA.map(Literal)
        ),
    }

    def call(op: str) -> SearchStrategy[Node]:
        if op not in FORMS:
            return st.lists(inner, max_size=3).map(lambda args: Call(op, tuple(args)))
        form = FORMS[op]
        most = 3 if form.variadic else min(len(form.kinds) + 1, 4)
        return st.integers(0, most).flatmap(
            lambda count: st.tuples(*[by_kind[form.kind(index)] for index in range(count)]).map(
                lambda args: Call(op, args)
            )
        )

    return st.one_of(st.sampled_from(sorted(FORMS)).flatmap(call), OPS.flatmap(call))


TREES: SearchStrategy[Node] = st.recursive(DATA.filter(_not_a_list).map(Literal), _calls, max_leaves=12)
"""Trees of calls, forms with the kinds of arguments their readers give them, names of all sorts, and data."""

PROGRAMS: SearchStrategy[Node] = st.randoms(use_true_random=False).map(
    lambda rng: parse(print_tree(from_json(Programs(rng).program())))
)
"""Programs that pass the checker and do something: see `tests.reference.programs`."""

_GAPS = [" ", " ", " ", "  ", ", ", "\n", "\n    ", "\n\n", " \n\n \n", " ; behind (\n", "\n; [own  \n", "\n\n;\n\n"]
_DROPPED = ["#_x", "#_ (dropped [1 2]\n {:a 1})", "#_ #_ 1 2", "#_'a"]


def reflowed(source: str, rng: Random) -> str:
    """The same script with other white space, and with comments and dropped forms anywhere."""
    pieces = []
    for kind, word in words(source):
        gap = rng.choice(_GAPS)
        if rng.random() < 0.1:
            gap += rng.choice(_DROPPED) + rng.choice(_GAPS)
        tight = kind.startswith("CLOSE") or (pieces and pieces[-1] in ("(", "[", "{", "'"))
        pieces += ["" if tight and rng.random() < 0.6 else gap, word]
    return "".join([*pieces, rng.choice(["", "\n", " ; the end"])])


def words(source: str) -> list[tuple[str, str]]:
    """The kinds and spellings of all words, brackets and comments of a text, in order."""
    return [(token.type, token.rstrip() if token.type == "COMMENT" else str(token)) for token in tokens(source)]
