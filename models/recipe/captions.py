"""The small English of the starter model: how a scene may be described.

A caption names what the picture shows with synonyms, in one of several orders; now and then it leaves something out,
and now and then it holds words that mean nothing to the model, so that the rest of such a prompt is still followed.
"""

import random
from pathlib import Path

from models.recipe.world import COLOURS, PALETTE, Scene, Thing

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in COLOURS},
    "red": ("red", "red", "red", "crimson", "scarlet"),
    "yellow": ("yellow", "yellow", "yellow", "golden"),
    "green": ("green", "green", "green", "emerald"),
    "blue": ("blue", "blue", "blue", "azure"),
    "purple": ("purple", "purple", "purple", "violet"),
    "pink": ("pink", "pink", "pink", "rose"),
}
"""How each colour may be called; a word that stands twice is chosen twice as often."""

OBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "circle", "circle", "disc", "ball", "dot"),
    "square": ("square", "square", "square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart", "heart", "heart", "love heart"),
    "ring": ("ring", "ring", "ring", "donut"),
    "cross": ("cross", "cross", "cross", "plus sign"),
    "moon": ("moon", "moon", "moon", "crescent", "crescent moon"),
    "house": ("house", "house", "house", "home", "hut"),
    "tree": ("tree",),
    "sun": ("sun",),
    "cloud": ("cloud",),
    "flower": ("flower", "flower", "flower", "blossom"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny"),
    "large": ("large", "large", "big", "huge"),
}
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "center": ("", "", "in the center", "in the middle"),
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
}
RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}
SCENE_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("by day", "on a sunny day", "under a blue sky", "in daylight", "on a meadow by day"),
    "sunset": ("at sunset", "at sunset", "at dusk", "in the evening"),
    "night": ("at night", "at night", "at midnight", "in the dark"),
}
_PLAIN_PHRASES = (" on {a} background", " on {a} background", " on {a} background", " on {colour}",
                  ", {colour} background", " with {a} background")  # fmt: skip
_OPENINGS = ("", "", "", "", "", "", "a picture of ", "an image of ", "a drawing of ", "a photo of ")

FILLERS = tuple(Path(__file__).with_name("fillers.txt").read_text(encoding="utf-8").split())
"""Words without meaning to the model: training mixes them in at random places, so that it learns to pass over them."""

_MADE_UP_SHARE = 0.25
_SYLLABLES = tuple(consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou")

FILLER_SHARE = 0.18
FRAGMENT_SHARE = 0.06
"""Share of captions that say one or two things only, as negative prompts do."""
EMPTY_SHARE = 0.1
"""Share of captions left empty: what classifier-free guidance (arXiv:2207.12598) steers away from."""


def describe(scene: Scene, generator: random.Random, *, complete: bool = False) -> str:
    """Describe a scene.

    ``complete`` leaves nothing out that could be said, as an evaluation needs; else each part may be missing.
    """
    drops = 0.0 if complete else 1.0
    background = "" if generator.random() < 0.04 * drops else _background_phrase(scene.background, generator)
    first = _thing_phrase(scene.things[0], scene.size, generator, drops)
    if scene.relation is not None:
        relation = generator.choice(RELATION_WORDS[scene.relation])
        second = _thing_phrase(scene.things[1], None, generator, drops)
        text = f"{first} {relation} {second}{background}"
    else:
        assert scene.place is not None
        place = "" if generator.random() < 0.05 * drops else generator.choice(PLACE_WORDS[scene.place])
        if not place:
            text = first + background
        elif generator.random() < 0.5:
            text = f"{first} {place}{background}"
        else:
            text = f"{first}{background}, {place}"
    return generator.choice(_OPENINGS) + text


def training_caption(scene: Scene, generator: random.Random) -> str:
    """Describe a scene as training does: sometimes in one or two words, sometimes with words without meaning."""
    caption = _fragment(scene, generator) if generator.random() < FRAGMENT_SHARE else describe(scene, generator)
    return with_fillers(caption, generator) if generator.random() < FILLER_SHARE else caption


def with_fillers(caption: str, generator: random.Random) -> str:
    """Put one to five words without meaning into a caption, half the time in a row at its end as prompts often do."""
    words = caption.split(" ")
    fillers = [
        _made_up_word(generator) if generator.random() < _MADE_UP_SHARE else generator.choice(FILLERS)
        for _ in range(generator.choice((1, 1, 2, 2, 3, 4, 5)))
    ]
    if generator.random() < 0.5:
        return caption + ", " + generator.choice((" ", ", ")).join(fillers)
    for filler in fillers:
        words.insert(generator.randrange(len(words) + 1), filler)
    return " ".join(words)


def known_words() -> list[str]:
    """Every word that carries meaning in a caption, sorted; the words without meaning are not among them."""
    phrases = [*_OPENINGS, *_PLAIN_PHRASES]
    for table in (
        COLOUR_WORDS, OBJECT_WORDS, SIZE_WORDS, PLACE_WORDS, RELATION_WORDS, SCENE_WORDS,
    ):  # fmt: skip
        phrases += [phrase for choices in table.values() for phrase in choices]
    text = " ".join(phrases).replace("{a}", "a an").replace("{colour}", "").replace(",", "")
    return sorted(set(text.split()))


def _fragment(scene: Scene, generator: random.Random) -> str:
    thing = generator.choice(scene.things)
    colour, shape = generator.choice(COLOUR_WORDS[thing.colour]), generator.choice(OBJECT_WORDS[thing.shape])
    parts = [colour, shape, f"{colour} {shape}", _background_phrase(scene.background, generator).strip(" ,")]
    if scene.size is not None and scene.place is not None:
        parts += [generator.choice(SIZE_WORDS[scene.size]), generator.choice(PLACE_WORDS[scene.place])]
    return ", ".join(filter(None, generator.sample(parts, generator.choice((1, 1, 2)))))


def _made_up_word(generator: random.Random) -> str:
    return "".join(generator.choice(_SYLLABLES) for _ in range(generator.randint(2, 4)))


def _thing_phrase(thing: Thing, size: str | None, generator: random.Random, drops: float) -> str:
    words = [generator.choice(COLOUR_WORDS[thing.colour]), generator.choice(OBJECT_WORDS[thing.shape])]
    if size is not None and generator.random() >= 0.1 * drops:
        words.insert(0, generator.choice(SIZE_WORDS[size]))
    return _with_article(" ".join(words))


def _background_phrase(background: str, generator: random.Random) -> str:
    if background not in PALETTE:
        return " " + generator.choice(SCENE_WORDS[background])
    colour = generator.choice(COLOUR_WORDS[background])
    return generator.choice(_PLAIN_PHRASES).format(a=_with_article(colour), colour=colour)


def _with_article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase
