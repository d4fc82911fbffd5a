"""Which words of a prompt a model of a small vocabulary does not know, said in a way that helps."""

import re

from mintaka.engine.models.info import ModelInfo

WORD = re.compile(r"[^\W\d_]+")

MOST_NAMED = 8
"""So many unknown words are named; more would bury the picture in text."""


def unknown_words(model: ModelInfo, prompt: str) -> tuple[str, ...]:
    """Words of ``prompt`` the model does not know, in order; none when the model's words are not a closed list."""
    if not model.words:
        return ()
    known = {word.casefold() for word in model.words}
    words = (word.casefold() for word in WORD.findall(prompt))
    return tuple(dict.fromkeys(word for word in words if word not in known))


def vocabulary_notes(model: ModelInfo, prompt: str) -> tuple[str, ...]:
    """A note on unknown words and on what the model draws instead; none when it knows them all."""
    unknown = unknown_words(model, prompt)
    if not unknown:
        return ()
    named = ", ".join(f"“{word}”" for word in unknown[:MOST_NAMED])
    more = f" and {len(unknown) - MOST_NAMED} more" if len(unknown) > MOST_NAMED else ""
    note = f"the {model.id} model does not know {named}{more}"
    if model.draws is not None and model.draws.objects:
        note += f"; it draws {_list(model.draws.objects, 'and')}"
        if model.draws.colours:
            note += f", in {_list(model.draws.colours, 'or')}"
    return (note,)


def _list(words: tuple[str, ...], last: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
