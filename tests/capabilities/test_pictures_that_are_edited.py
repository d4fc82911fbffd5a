"""The methods of pictures: what they ask of the engine, what they cost, whose their results are."""

import random
from typing import Any

import pytest

from mintaka.capabilities.grant import Grant
from mintaka.capabilities.images import Image, ImageMethods
from mintaka.capabilities.pictures import IMAGE, MOST_EDITS, edited, image_methods, listing
from mintaka.capabilities.references import References
from mintaka.engine import edits
from mintaka.engine.requests import Edit
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import ArityError, HostFault, OutOfFuel, ScriptError, TypeFault
from mintaka.runtime.execute import Outcome, execute
from mintaka.runtime.journal import MemoryJournal
from mintaka.runtime.powers import Powers
from tests.capabilities.test_scripts_that_hold_capabilities import OPS

DRAWN = """
(let draw (get-capability "diffusers.generate"))
(let picture (draw.textToImage "a heart" {:width 64 :height 48 :seed 7}))
"""


async def run(world: Any, source: str, *, hosts: Any = None, journal: Any = None, **budget: Any) -> Outcome:
    grant = Grant(world.kernel, "ann", [world.root().id])
    given = {ImageMethods: image_methods(world.engine, world.blobs)} if hosts is None else hosts
    return await execute(
        compile_tree(parse(source), OPS),
        budget=Budget(**budget),
        powers=Powers(world.clock, random.Random(1), hosts={Grant: grant, **given}),
        journal=journal,
        codec=None if journal is None else References(world.kernel, "ann", "run", key=bytes(32)),
    )


async def picture(world: Any, source: str, **more: Any) -> Image:
    made = (await run(world, DRAWN + source, **more)).value
    assert isinstance(made, Image)
    return made


async def test_an_edited_picture_is_the_callers_and_remembers_how_it_was_made(world: Any) -> None:
    made = await picture(world, '(let small (picture.resize 32)) (let other (small.flip)) (other.convert "webp" 80)')
    assert [each.operation for each in world.engine.asked[1:]] == [
        edits.Resize(32, 24, edits.Interpolation.LANCZOS),
        edits.Flip(edits.Direction.HORIZONTAL),
        edits.Convert(edits.Format.WEBP, 80),
    ]
    assert (made.width, made.height, made.format, made.seed) == (32, 24, "webp", 7)
    assert made.made_with["method"] == "textToImage"
    assert made.made_with["edits"] == [
        {"method": "resize", "args": [32, 24, {"method": "lanczos"}]},
        {"method": "flip", "args": ["horizontal"]},
        {"method": "convert", "args": ["webp", 80]},
    ]
    assert world.kernel.owns("ann", made.asset)
    assert not world.kernel.owns("bob", made.asset)


async def test_the_same_edit_made_again_is_the_same_picture(world: Any) -> None:
    source = "(let again (picture.invert)) [(picture.invert) again]"
    first, second = (await run(world, DRAWN + source)).value
    assert first.asset == second.asset


async def test_another_picture_goes_with_those_that_take_two(world: Any) -> None:
    made = await picture(world, '(picture.composite (picture.resize 16 16) 4 5 0.5 "screen")')
    small, asked = world.engine.asked[1:]
    assert asked.operation == edits.Composite(4, 5, 0.5, edits.Mode.SCREEN)
    assert asked.other is not None
    [done] = made.made_with["edits"]
    assert done["args"][1:] == [4, 5, 0.5, "screen"]
    assert (small.operation.width, made.width) == (16, 64)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        ("(picture.resise 3)", HostFault, "image has no method `resise` — did you mean `resize`?"),
        ('(picture.save "a")', HostFault, "image has no method `save`"),
        ("(picture.resize)", ArityError, "image.resize takes `width`, `height`?, an object of options?, and got 0"),
        ('(picture.resize "wide")', TypeFault, "`width` of image.resize takes a whole number, not text"),
        ("(picture.combine 5)", TypeFault, "`mask` of image.combine takes an image, not a number"),
        ('(picture.resize 8 8 {:metod "area"})', HostFault, "unknown option `metod` for image.resize"),
        ('(picture.filter "blurr")', HostFault, "there is no `name` “blurr”; there are blur, sharpen"),
        ('(picture.pad 1 1 1 1 {:color "pinkish"})', HostFault, "there is no colour “pinkish”"),
        ("(picture.crop 0 0 65 1)", HostFault, "is not within the picture, which is 64 × 48"),
        ("(picture.resize 9000)", HostFault, "a picture of 9000 × 6750 cannot be made"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words_before_the_engine_is_asked(
    world: Any, call: str, error: type[ScriptError], said: str
) -> None:
    with pytest.raises(error) as caught:
        await run(world, DRAWN + call)
    assert said in caught.value.message
    assert len(world.engine.asked) == 1


async def test_an_edit_costs_fuel_by_the_pixels_it_reads_and_makes(world: Any) -> None:
    plain = (await run(world, DRAWN + "(picture.metadata)")).used.fuel
    used = (await run(world, DRAWN + "(picture.resize 128 96)")).used.fuel
    assert used - plain == (64 * 48 + 128 * 96) // 4
    two = (await run(world, DRAWN + "(picture.composite picture)")).used.fuel
    assert two - plain == 3 * 64 * 48 // 4
    asked = len(world.engine.asked)
    with pytest.raises(OutOfFuel):
        await run(world, DRAWN + "(picture.resize 8000 4000)", fuel=1_000_000)
    assert len(world.engine.asked) == asked + 1


async def test_a_durable_run_that_is_resumed_edits_nothing_twice(world: Any) -> None:
    source, journal = "(let small (picture.resize 32)) (small.grow 3)", MemoryJournal("run")
    first = await picture(world, source, journal=journal)
    again = await picture(world, source, journal=journal)
    assert (again.asset, again.made_with) == (first.asset, first.made_with)
    assert len(world.engine.asked) == 3


async def test_a_run_that_was_given_nothing_to_edit_with_is_told_so(world: Any) -> None:
    with pytest.raises(HostFault, match="no ImageMethods") as caught:
        await run(world, DRAWN + "(picture.invert)", hosts={})
    assert caught.value.kind == "denied"


def test_what_is_remembered_of_edits_is_bounded() -> None:
    image = Image("a" * 64, 2, 2)
    for number in range(MOST_EDITS + 5):
        image = Image("a" * 64, 2, 2, made_with=edited(image, "grow", (number,)))
    kept: Any = image.made_with["edits"]
    assert (len(kept), kept[0]["args"], image.made_with["asset"]) == (MOST_EDITS, [5], "a" * 64)


async def test_every_method_is_described_with_an_example_that_runs(world: Any) -> None:
    told = {each["name"]: each for each in listing()["methods"]}
    assert set(told) == set(IMAGE.methods) >= {"transform", "metadata"}
    for each in told.values():
        [example] = each["examples"]
        assert (await run(world, DRAWN + example)).value is not None, each["name"]
    assert all(isinstance(each, Edit) for each in world.engine.asked if not hasattr(each, "prompt"))
