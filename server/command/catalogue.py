"""What a script can call, as people look it up: by name, by word, by category.

Methods of capabilities are called on a capability in hand, `(cap.textToImage "a cat")`, and looked up by their full
names, `diffusers.generate.textToImage`; those of pictures are found as `image.resize`.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from mintaka.lang.documentation import usage
from mintaka.lang.lower import op_name
from mintaka.server.command.type_pages import method_page

Entry: TypeAlias = Mapping[str, Any]
"""A form, op or function of the prelude, as ``get_opcodes`` tells it; or a method, with the same keys."""

Type: TypeAlias = Mapping[str, Any]
"""A type of capability, as ``get_capability_metadata`` tells it."""


def installed() -> tuple[list[Entry], bool]:
    """What this installation's scripts can call, and whether the words for capabilities are among it.

    Those need the extra ``server``; the language itself needs nothing.
    """
    from mintaka import stdlib
    from mintaka.runtime.ops import OpTable
    from mintaka.server.command.faults import EXTRA_OF

    try:
        from mintaka.capabilities import ops as capability_ops
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA_OF:
            raise
        return [*OpTable.of(*stdlib.modules).describe()], False
    return [*OpTable.of(*stdlib.modules, capability_ops).describe()], True


def installed_types() -> list[Type]:
    """The capability types of this installation; none without the extra ``server``."""
    from mintaka.server.command.faults import EXTRA_OF

    try:
        from mintaka.capabilities import metadata, types
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA_OF:
            raise
        return []
    return [*metadata.unrestricted(types.declared())]


def picture_type() -> list[Type]:
    """The methods of pictures, told as those of a type; none without the extra ``server``."""
    from mintaka.server.command.faults import EXTRA_OF

    try:
        from mintaka.capabilities import pictures
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA_OF:
            raise
        return []
    return [pictures.listing()]


def methods(types: Iterable[Type]) -> list[Entry]:
    """The methods of types as entries, with `CALLED` as the name they are called by."""
    return [
        {
            **method,
            "opcode": f"{type['type']}.{method['name']}",
            CALLED: f"{_held(type)}.{method['name']}",
            "category": "image" if type["type"] == "image" else f"{type['type']}, a capability",
        }
        for type in types
        for method in type["methods"]
    ]


def _held(type: Type) -> str:
    return "picture" if type["type"] == "image" else "cap"


CALLED = "called"


def find(name: str, entries: Iterable[Entry]) -> Entry | None:
    """The entry called ``name``, in whatever way a script may write that: ``let``, ``get-capability``."""
    wanted = op_name(name)
    return next((entry for entry in entries if entry["opcode"] in (name, wanted)), None)


def below(name: str, entries: Iterable[Entry]) -> list[Entry]:
    """The entries whose names begin with ``name`` and a dot."""
    return [entry for entry in entries if str(entry["opcode"]).startswith(f"{name}.")]


def near(name: str, entries: Iterable[Entry]) -> list[str]:
    """Names somebody may have meant, the likeliest first: those spelled alike, then those whose last part it is."""
    names = [str(entry["opcode"]) for entry in entries]
    alike = get_close_matches(name, names, n=3)
    for short in get_close_matches(name, dict.fromkeys(each.rpartition(".")[2] for each in names), n=2):
        alike += [each for each in names if each.rpartition(".")[2] == short]
    return list(dict.fromkeys(alike))[:4]


def search(word: str, entries: Iterable[Entry]) -> list[Entry]:
    """The entries that have a word in their name, label or help."""
    wanted = word.casefold()
    return [entry for entry in entries if any(wanted in str(entry[key]).casefold() for key in _SEARCHED)]


_SEARCHED = ("opcode", "label", "category", "description")


def page(entry: Entry) -> str:
    """Everything about one entry: how it is called, what it does, its arguments' types, examples."""
    if CALLED in entry:
        return method_page(str(entry[CALLED]).partition(".")[0], entry)
    parts = [f"{usage(entry)} → {entry['returnType']}", str(entry["description"])]
    typed = [(each["name"].removeprefix("..."), each["type"]) for each in entry["parameters"] if each["type"] != "any"]
    width = max((len(name) for name, _ in typed), default=0)
    if typed:
        parts.append("\n".join(f"  {name:{width}}  {kind}" for name, kind in typed))
    parts += [f"> {example['source']}\n{example['result']}" for example in entry["examples"]]
    return "\n\n".join(parts)


def table(entries: Iterable[Entry]) -> str:
    """One line for each entry, by category: how it is called and the first sentence of its help."""
    by_category = itemgetter("category")
    blocks = [
        f"{category}\n" + "\n".join(_lines(sorted(members, key=itemgetter("opcode"))))
        for category, members in groupby(sorted(entries, key=by_category), by_category)
    ]
    return "\n\n".join(blocks)


def _lines(entries: Sequence[Entry]) -> list[str]:
    width = min(36, max(len(_usage(entry)) for entry in entries))
    return [f"  {_usage(entry):{width}}  {summary(entry)}" for entry in entries]


def _usage(entry: Entry) -> str:
    return usage({**entry, "opcode": entry.get(CALLED, entry["opcode"])})


def summary(entry: Entry) -> str:
    """The first sentence of an entry's help."""
    first, stop, _ = " ".join(str(entry["description"]).split()).partition(". ")
    return first + stop.strip()
