"""What the object behind a capability type adds to its metadata: lists to choose from, defaults, examples.

All that can change by itself, such as the models in a folder, is looked at once a question and carries a revision.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from mintaka.capabilities.order import Json
from mintaka.capabilities.restrictions import Restrictions

Seen = TypeVar("Seen", covariant=True)


class Source(Protocol, Generic[Seen]):
    """What changes by itself."""

    def snapshot(self) -> Seen:
        """How it is now."""
        ...


Taken = TypeVar("Taken")


class Moment:
    """One look at the world: however many types ask, each source is looked at once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, object]] = {}

    def of(self, source: Source[Taken]) -> Taken:
        """How ``source`` is at this moment."""
        if id(source) not in self._seen:
            self._seen[id(source)] = (source, source.snapshot())
        taken: Taken = self._seen[id(source)][1]  # type: ignore[assignment]
        return taken


class Choices:
    """A list that options pick from: the values, each with what people call it."""

    def __init__(self, name: str, labels: Mapping[str, str]) -> None:
        self.name = name
        self.labels = labels

    @cached_property
    def key(self) -> str:
        """Its name and its revision by content: lists of one key are the same list."""
        return f"{self.name}-{digest(dict[str, Json](self.labels))}"

    def to_json(self) -> dict[str, Json]:
        """As a JSON Schema, with ``labels`` beside."""
        return {"enum": list[Json](self.labels), "labels": dict[str, Json](self.labels)}


@dataclass(frozen=True, slots=True)
class Advice:
    """What holds under certain restrictions."""

    defaults: Mapping[str, Json] = field(default_factory=dict)
    """What options are taken to be when left out."""
    own_defaults: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """The same where it is not so for all methods: by the name of the class of the options; ``None`` where there is
    no telling."""
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By method: scripts that call it and are accepted."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """By method: why a call would fail whatever it asks for."""


class Offer:
    """What an object offers at one moment."""

    revision: str = ""
    """Another wherever anything else here is another."""
    choices: Mapping[str, Choices] = {}
    """The lists that options pick from, by the name an option gives in ``choices``."""

    def advice(self, restrictions: Restrictions) -> Advice:
        """What holds under these restrictions."""
        return Advice()


NOTHING = Offer()


class Offers:
    """The base of the class of a type that adds to its metadata."""

    def offer(self, moment: Moment) -> Offer:
        """What the object offers at this moment."""
        raise NotImplementedError


def digest(data: Json) -> str:
    """The content of JSON in 16 hex digits."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
