"""Names of schedulers, and words a model does not know."""

import pytest

from mintaka.engine.errors import Unsupported
from mintaka.engine.models.info import Draws, ModelInfo
from mintaka.engine.schedulers import SCHEDULERS, find
from mintaka.engine.words import unknown_words, vocabulary_notes


@pytest.mark.parametrize("scheduler", SCHEDULERS.values(), ids=lambda scheduler: scheduler.name)
def test_short_name_and_label_mean_the_same_scheduler(scheduler: object) -> None:
    assert scheduler == find(scheduler.name) == find(scheduler.label)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["DPM++ 2M Karras", "dpmpp_2m_karras", "dpm++ 2m karras", "DPMPP-2M-KARRAS"])
def test_case_and_separators_do_not_matter(name: str) -> None:
    assert find(name).name == "dpmpp_2m_karras"
    assert find(name).options["use_karras_sigmas"] is True


def test_a_plain_name_sets_no_spacing_and_a_class_name_sets_nothing() -> None:
    assert find("euler").options["use_karras_sigmas"] is False
    bare = find("DPMSolverMultistepScheduler")
    assert (bare.class_name, dict(bare.options)) == ("DPMSolverMultistepScheduler", {})


def test_two_names_never_mean_the_same_thing() -> None:
    made = [(scheduler.class_name, tuple(sorted(scheduler.options.items()))) for scheduler in SCHEDULERS.values()]
    assert len(set(made)) == len(made)
    assert len({scheduler.label for scheduler in SCHEDULERS.values()}) == len(SCHEDULERS)


def test_an_unknown_scheduler_is_refused_with_near_names() -> None:
    with pytest.raises(Unsupported, match="did you mean euler"):
        find("eulr")
    with pytest.raises(Unsupported, match="there are ddim"):
        find("???")


def small_world(model: ModelInfo, words: tuple[str, ...]) -> ModelInfo:
    return model.model_copy(update={"id": "tiny", "words": words, "draws": Draws(objects=("star",), colours=("red",))})


def test_unknown_words_are_named_once_in_order_whatever_their_case(starter: ModelInfo) -> None:
    model = small_world(starter, ("a", "red", "star"))
    assert unknown_words(model, "A Flying, red dragon — flying!") == ("flying", "dragon")
    assert vocabulary_notes(model, "a dragon") == ("the tiny model does not know “dragon”; it draws star, in red",)
    assert vocabulary_notes(model, "a RED star") == ()


def test_a_long_list_of_unknown_words_is_cut(starter: ModelInfo) -> None:
    [note] = vocabulary_notes(small_world(starter, ("a",)), "b c d e f g h i j k")
    assert "“i” and 2 more" in note


def test_a_model_of_no_closed_list_knows_every_word(starter: ModelInfo) -> None:
    assert unknown_words(small_world(starter, ()), "anything at all") == ()
