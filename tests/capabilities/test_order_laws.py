"""The laws of docs/design: every kind of restriction is a meet-semilattice whose permissions agree with its meets."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.capabilities.order import (
    Allowed,
    AtLeast,
    AtMost,
    Deny,
    Empty,
    Fractions,
    Interval,
    Numbers,
    Order,
    Preference,
    Selection,
    Unfit,
)
from mintaka.capabilities.places import Domains, Namespace, PathPrefix

SMALL = st.integers(-6, 6)
HOSTS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=2, max_size=4).map(".".join)
NAMES = st.sampled_from(["a", "b", "c", "d"])
SEGMENTS = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map(".".join)
PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map("/".join)
RANGES = st.tuples(SMALL, SMALL).map(sorted)


@dataclass(frozen=True)
class Kind:
    order: Order[Any, Any]
    data: st.SearchStrategy[Any]
    questions: st.SearchStrategy[Any]


KINDS = {
    "Allowed": Kind(Allowed(), st.lists(NAMES, min_size=1), NAMES),
    "Selection": Kind(Selection(), st.lists(NAMES), st.lists(NAMES, max_size=3).map(tuple)),
    "Numbers": Kind(Numbers(), st.lists(SMALL, min_size=1), SMALL),
    "AtMost": Kind(AtMost(), SMALL, SMALL),
    "AtMost in millions": Kind(
        AtMost(scale=10**6), st.integers(-99, 99) | st.floats(-99, 99), st.integers(-(10**8), 10**8)
    ),
    "AtLeast": Kind(AtLeast(), SMALL, SMALL),
    "Interval": Kind(Interval(), RANGES.map(list), RANGES.map(tuple)),
    "Fractions": Kind(
        Fractions(), RANGES.map(lambda ends: [each / 10 for each in ends]), SMALL.map(lambda tenths: tenths / 10)
    ),
    "Deny": Kind(Deny(), st.just(True), st.booleans()),
    "Namespace": Kind(Namespace(), SEGMENTS, SEGMENTS),
    "PathPrefix": Kind(PathPrefix(), PATHS, PATHS),
    "Domains": Kind(Domains(), st.lists(HOSTS, min_size=1, max_size=4), HOSTS),
}

NOTHING = object()
"""⊥ as a value, so that the laws can be written as equations."""

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def meet(order: Order[Any, Any], a: Any, b: Any) -> Any:
    if a is NOTHING or b is NOTHING:
        return NOTHING
    try:
        return order.meet(a, b)
    except Empty:
        return NOTHING


def permits(order: Order[Any, Any], bound: Any, asked: Any) -> bool:
    return bound is not NOTHING and order.permits(bound, asked)


@every_kind
@given(data=st.data())
def test_the_meet_is_idempotent_commutative_and_associative(kind: Kind, data: st.DataObject) -> None:
    a, b, c = (kind.order.parse(data.draw(kind.data)) for _ in range(3))
    assert meet(kind.order, a, a) == a
    assert meet(kind.order, a, b) == meet(kind.order, b, a)
    assert meet(kind.order, meet(kind.order, a, b), c) == meet(kind.order, a, meet(kind.order, b, c))


@every_kind
@given(data=st.data())
def test_the_meet_permits_exactly_what_both_permit(kind: Kind, data: st.DataObject) -> None:
    a, b = (kind.order.parse(data.draw(kind.data)) for _ in range(2))
    asked = data.draw(kind.questions)
    both = permits(kind.order, a, asked) and permits(kind.order, b, asked)
    assert permits(kind.order, meet(kind.order, a, b), asked) == both


@every_kind
@given(data=st.data())
def test_a_narrower_bound_permits_nothing_that_a_wider_one_does_not(kind: Kind, data: st.DataObject) -> None:
    a, b = (kind.order.parse(data.draw(kind.data)) for _ in range(2))
    asked = data.draw(kind.questions)
    if meet(kind.order, a, b) == a and permits(kind.order, a, asked):
        assert permits(kind.order, b, asked)


@every_kind
@given(data=st.data())
def test_the_encoding_is_canonical(kind: Kind, data: st.DataObject) -> None:
    a, b = (kind.order.parse(data.draw(kind.data)) for _ in range(2))
    assert kind.order.parse(kind.order.encode(a)) == a
    assert (kind.order.encode(a) == kind.order.encode(b)) == (a == b)


@given(a=NAMES, b=NAMES, c=NAMES)
def test_a_preference_permits_everything_and_the_later_counts(a: str, b: str, c: str) -> None:
    order = Preference()
    assert order.permits(a, b)
    assert order.meet(a, b) == b
    assert order.meet(order.meet(a, b), c) == order.meet(a, order.meet(b, c))


@pytest.mark.parametrize(
    ("order", "data"),
    [
        (Allowed(), "starter"),
        (Allowed(), [""]),
        (Allowed(), ["  "]),
        (Allowed(), [1]),
        (Allowed(), None),
        (AtMost(), "256"),
        (AtMost(), True),
        (AtMost(), 2.5),
        (AtMost(), 2**53 + 1),
        (AtMost(), float("nan")),
        (AtMost(), float("inf")),
        (AtLeast(), []),
        (Interval(), [1]),
        (Interval(), [1, "2"]),
        (Interval(), 5),
        (Fractions(), 0.5),
        (Fractions(), [0.1, "0.5"]),
        (Fractions(), [0.1, 0.12345]),
        (Fractions(), [0.1, float("nan")]),
        (Fractions(), [0.1, float("inf")]),
        (Fractions(), [0.1]),
        (Deny(), False),
        (Deny(), 1),
        (Namespace(), ""),
        (Namespace(), "a..b"),
        (Namespace(), "a.*"),
        (Namespace(), None),
        (Preference(), ""),
        (Preference(), 1),
    ],
)
def test_what_is_no_bound_is_refused(order: Order[Any, Any], data: object) -> None:
    with pytest.raises(Unfit):
        order.parse(data)


@pytest.mark.parametrize(
    ("order", "data"),
    [(Allowed(), []), (AtMost(least=1), 0), (AtLeast(most=1), 2), (Interval(), [2, 1])],
)
def test_a_bound_that_would_permit_nothing_is_empty(order: Order[Any, Any], data: object) -> None:
    with pytest.raises(Empty):
        order.parse(data)


def test_names_are_brought_into_one_form_when_written_and_when_asked() -> None:
    order = Allowed(normal=str.casefold)
    bound = order.parse(["Euler ", "e\u0301tude"])
    assert order.encode(bound) == ["euler", "\u00e9tude"]
    assert order.permits(bound, "EULER")
    assert order.permits(bound, "e\u0301tude")


def test_a_namespace_covers_whole_segments_only() -> None:
    order = Namespace()
    assert order.permits(("net",), "net.http")
    assert not order.permits(("net",), "network.http")
    assert not order.permits(("net", "http"), "net")


@pytest.mark.parametrize(
    "path",
    [
        "", "/a", "a/", "a//b", "a/./b", "a/../b", "..", ".", "a\\b", "a\x00b", "a\nb", "\ud800", "a/" * 64 + "b",
        "a" * 256,
    ],
)  # fmt: skip
def test_what_is_no_plain_path_is_neither_a_prefix_nor_under_one(path: str) -> None:
    with pytest.raises(Unfit):
        PathPrefix().parse(path)
    assert not PathPrefix().permits(("a",), path)


def test_a_path_covers_whole_components_only() -> None:
    bound = PathPrefix().parse("a")
    assert PathPrefix().permits(bound, "a/secret")
    assert not PathPrefix().permits(bound, "a-secret")
    assert not PathPrefix().permits(PathPrefix().parse("a/b"), "a")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "1.1", "a.1", "[::1]", "::1", "", "a..org", ".org",
        "a.org.", "-a.org", "a b.org", "a/b.org", "a@b.org", "a" * 64 + ".org", "a\x00.org",
    ],
)  # fmt: skip
def test_what_is_no_hosts_name_is_neither_a_bound_nor_under_one(host: str) -> None:
    with pytest.raises(Unfit):
        Domains().parse([host])
    assert not Domains().permits(frozenset({("org",), ("1",)}), host)


def test_a_domain_covers_whole_labels_only_however_it_is_written() -> None:
    bound = Domains().parse(["Example.org", "www.example.org", "bücher.example"])
    assert Domains().encode(bound) == ["example.org", "xn--bcher-kva.example"]
    for host in ("example.org", "a.b.EXAMPLE.org", "BÜCHER.example"):
        assert Domains().permits(bound, host)
    for host in ("anexample.org", "example.org.evil.net", "org"):
        assert not Domains().permits(bound, host)


def test_an_integral_float_is_a_whole_number() -> None:
    assert AtMost().parse(256.0) == 256
    assert isinstance(AtMost().parse(256.0), int)


@pytest.mark.parametrize(
    ("order", "data", "told", "facts"),
    [
        (Allowed(), ["b", "a"], "only a, b", {"choices": ["a", "b"]}),
        (AtMost(), 5, "at most 5", {"maximum": 5}),
        (AtLeast(), 5, "at least 5", {"minimum": 5}),
        (Interval(), [1, 5], "1 to 5", {"minimum": 1, "maximum": 5}),
        (Deny(), True, "none", {"choices": [False]}),
        (Namespace(), "net", "only net and what lies under it", {}),
        (Preference(), "a", "anything, and a by preference", {}),
    ],
)
def test_a_bound_is_told_to_people_and_to_editors(
    order: Order[Any, Any], data: object, told: str, facts: dict[str, object]
) -> None:
    bound = order.parse(data)
    assert order.tell(bound) == told
    assert order.facts(bound) == facts
