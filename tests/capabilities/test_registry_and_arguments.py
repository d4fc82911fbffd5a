from typing import Any

import pytest

from mintaka.capabilities.arguments import Options, Signature, camel, option, parse_options
from mintaka.capabilities.images import Image
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.use import Use
from mintaka.runtime.errors import HostFault, ScriptError, TypeFault


class BlurOptions(Options):
    radius: float = option(1.5, label="Radius", help="How far.", unit="px", ge=0)


@capability("toy.blur", label="Blur")
class Blur:
    """Make pictures soft."""

    @method(effects=Effect.PURE, cost="width * height")
    async def soften_edges(self, use: Use, image: Image, times: int, by: float = 0.5, *, options: BlurOptions) -> Image:
        """Soften a picture."""
        return image


IMAGE = Image("0" * 64, 1, 1)
SIGNATURE = Blur.capability_type.method("softenEdges").signature  # type: ignore[attr-defined]


def bind(*values: Any) -> list[Any]:
    return SIGNATURE.bind("toy.blur.softenEdges", values)


def test_a_type_is_read_off_its_class() -> None:
    registry = Registry([Blur()])
    [kind] = registry
    assert (kind.name, kind.label, kind.description) == ("toy.blur", "Blur", "Make pictures soft.")
    told = kind.method("softenEdges")
    assert (told.label, told.description, told.cost) == ("Soften edges", "Soften a picture.", "width * height")
    assert registry.get("toy.blur") is kind
    assert isinstance(registry.object("toy.blur"), Blur)


def test_two_types_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"two capability types are called toy\.blur"):
        Registry([Blur(), Blur()])


def test_an_unknown_type_is_told_with_the_near_name() -> None:
    with pytest.raises(HostFault, match=r"did you mean `toy\.blur`"):
        Registry([Blur()]).get("toy.blurr")
    with pytest.raises(HostFault, match=r"there are toy\.blur"):
        Registry([Blur()]).get("zzz")


def test_values_are_checked_and_whole_numbers_are_taken_as_they_are_written() -> None:
    image, times, by, options = bind(IMAGE, 2.0, 1, {"radius": 3})
    assert image is IMAGE
    assert (times, type(times)) == (2, int)
    assert (by, type(by)) == (1.0, float)
    assert options.radius == 3
    assert bind(IMAGE, 2)[2:] == [0.5, BlurOptions()]


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ((), "arity", "takes `image`, `times`, `by`?, an object of options?, and got 0"),
        ((IMAGE, 1, 1, {}, 1), "arity", "and got 5"),
        (("x", 1), "type", "`image` of toy.blur.softenEdges takes an image, not text"),
        ((IMAGE, 1.5), "type", "`times` of toy.blur.softenEdges takes a whole number, not a fraction"),
        ((IMAGE, True), "type", "not true or false"),
        ((IMAGE, object()), "type", "not something else"),
        ((IMAGE, 1, True), "type", "not true or false"),
        (
            (IMAGE, 1, 1, {"radius": -1}),
            "invalid_params",
            "option `radius` of toy.blur.softenEdges must be 0 px or more",
        ),
        (
            (IMAGE, 1, 1, {"zzz": 1}),
            "invalid_params",
            "unknown option `zzz` for toy.blur.softenEdges — it takes radius",
        ),
        ((IMAGE, 1, 1, {"radius": float("inf")}), "invalid_params", "must be 0 px or more"),
    ],
)
def test_misuse_reads_alike_everywhere(values: tuple[Any, ...], kind: str, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        bind(*values)
    assert caught.value.kind == kind
    assert words in caught.value.message


def test_a_method_that_takes_nothing_says_so() -> None:
    async def nothing(self: object, use: Use) -> None: ...

    with pytest.raises(ScriptError, match="toy takes nothing, and got 1"):
        Signature.of(nothing).bind("toy", [1])


def test_a_parameter_no_script_could_give_is_found_when_the_program_is_loaded() -> None:
    async def wrong(self: object, use: Use, data: bytes) -> None: ...

    with pytest.raises(TypeError, match="no script can give `data`"):
        Signature.of(wrong)


def test_options_must_be_an_object() -> None:
    with pytest.raises(TypeFault, match="are an object"):
        bind(IMAGE, 1, 1, [1])


def test_option_names_are_taken_in_either_case() -> None:
    class Both(Options):
        num_inference_steps: int | None = option(label="Steps", help="Steps.")
        prompt_2: str | None = option(label="Second prompt", help="For the second encoder.")

    assert camel("num_inference_steps") == "numInferenceSteps"
    for names in (("num_inference_steps", "prompt_2"), ("numInferenceSteps", "prompt2")):
        assert parse_options("toy", Both, dict(zip(names, (5, "a"), strict=True))) == Both(
            num_inference_steps=5, prompt_2="a"
        )
    with pytest.raises(HostFault, match="did you mean `numInferenceSteps`"):
        parse_options("toy", Both, {"numInferenceStep": 5})
