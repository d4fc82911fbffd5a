import pytest
from hypothesis import given
from hypothesis import strategies as st

from mintaka.capabilities.diffusion.options import DrawingRestrictions
from mintaka.capabilities.order import Empty
from mintaka.capabilities.restrictions import Restrictions
from mintaka.runtime.errors import HostFault

OF = "diffusers.generate"


def parse(data: object) -> DrawingRestrictions:
    return DrawingRestrictions.parse(data, of=OF)


written = st.fixed_dictionaries(
    {},
    optional={
        "allowed_models": st.lists(st.sampled_from(["a", "b", "c"]), min_size=1),
        "max_width": st.integers(8, 40),
        "max_steps": st.integers(1, 5),
        "seed": st.tuples(st.integers(0, 5), st.integers(0, 5)).map(sorted),
        "no_preview": st.just(True),
        "methods": st.lists(st.sampled_from(["generate", "models"]), min_size=1),
    },
)


def met(a: DrawingRestrictions | None, b: DrawingRestrictions | None) -> DrawingRestrictions | None:
    try:
        return a.meet(b) if a is not None and b is not None else None
    except Empty:
        return None


@given(written, written, written)
def test_restrictions_together_are_a_semilattice_with_no_restriction_on_top(a: object, b: object, c: object) -> None:
    x, y, z, top = parse(a), parse(b), parse(c), parse({})
    assert met(x, x) == x
    assert met(x, top) == met(top, x) == x
    assert met(x, y) == met(y, x)
    assert met(met(x, y), z) == met(x, met(y, z))


@given(written, written, st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 50))
def test_what_two_restrict_together_is_what_each_permits(a: object, b: object, model: str, width: int) -> None:
    x, y = parse(a), parse(b)
    both = met(x, y)
    for name, asked in (("allowed_models", model), ("max_width", width), ("no_preview", True)):
        if both is not None:
            assert both.permits(name, asked) == (x.permits(name, asked) and y.permits(name, asked))


@given(written, written)
def test_equal_restrictions_have_one_text(a: object, b: object) -> None:
    x, y = parse(a), parse(b)
    assert (x.canonical() == y.canonical()) == (x == y)
    assert parse(x.to_json()) == x
    assert hash(parse(x.to_json())) == hash(x)


def test_an_unknown_restriction_is_refused_with_the_near_name() -> None:
    with pytest.raises(HostFault, match="no restriction `max_widht` — did you mean `max_width`") as caught:
        parse({"max_widht": 5})
    assert caught.value.kind == "invalid_params"
    assert caught.value.data == {"restriction": "max_widht"}


def test_restrictions_of_one_type_are_unknown_to_another() -> None:
    with pytest.raises(HostFault, match="no restriction `max_width`"):
        Restrictions.parse({"max_width": 5}, of="sys.mint")


@pytest.mark.parametrize("data", [None, [], "max_width", {"max_width": "5"}, {"allowed_schedulers": ["no such"]}])
def test_what_is_no_restriction_is_refused(data: object) -> None:
    with pytest.raises(HostFault) as caught:
        parse(data)
    assert caught.value.kind == "invalid_params"


@pytest.mark.parametrize("data", [{"max_width": 0}, {"allowed_models": []}, {"seed": [2, 1]}])
def test_what_would_permit_nothing_is_refused(data: object) -> None:
    with pytest.raises(HostFault, match="would permit nothing") as caught:
        parse(data)
    assert caught.value.kind == "empty_authority"


@pytest.mark.parametrize(
    ("data", "asked", "message", "facts"),
    [
        (
            {"max_width": 256},
            {"max_width": 512},
            "`max_width` of this diffusers.generate allows at most 256 px, and 512 px was asked for",
            {"restriction": "max_width", "asked": 512, "allowed": 256},
        ),
        (
            {"allowed_models": ["b", "a"]},
            {"allowed_models": "c"},
            "`allowed_models` of this diffusers.generate allows only a, b, and c was asked for",
            {"restriction": "allowed_models", "asked": "c", "allowed": ["a", "b"]},
        ),
        (
            {"seed": [1, 5]},
            {"seed": (5, 6)},
            "`seed` of this diffusers.generate allows 1 to 5, and 5 to 6 was asked for",
            {"restriction": "seed", "asked": [5, 6], "allowed": [1, 5]},
        ),
        (
            {"no_preview": True},
            {"no_preview": True},
            "`no_preview` forbids that to this diffusers.generate",
            {"restriction": "no_preview", "asked": True, "allowed": True},
        ),
    ],
)
def test_a_refusal_names_the_restriction_what_was_asked_and_what_is_allowed(
    data: object, asked: dict[str, object], message: str, facts: dict[str, object]
) -> None:
    with pytest.raises(HostFault) as caught:
        parse(data).permit(OF, asked)
    assert caught.value.kind == "denied"
    assert caught.value.message == message
    assert caught.value.data == facts
    assert caught.value.hint


def test_a_scheduler_is_the_same_under_all_its_names() -> None:
    held = parse({"allowed_schedulers": ["DPM++ 2M Karras"]})
    assert held.to_json() == {"allowed_schedulers": ["dpmpp_2m_karras"]}
    held.permit(OF, {"allowed_schedulers": "dpmpp_2m_karras"})
    with pytest.raises(HostFault):
        held.permit(OF, {"allowed_schedulers": "dpmpp_2m"})
