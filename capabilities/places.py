"""The orders of places: what lies under a dotted name, a path, or the name of a host, always by whole parts.

Comparing beginnings letter by letter is how ``/a`` comes to cover ``/a-secret`` and ``org`` to cover ``evilorg``.
"""

import re
import unicodedata

from mintaka.capabilities.order import Empty, Json, Order, Unfit

Segments = tuple[str, ...]
"""A dotted name or a path taken apart: ``diffusers.generate`` is ``("diffusers", "generate")``."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NO_COMPONENT = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")


class Namespace(Order[Segments, str]):
    """All names under a dotted prefix, by whole segments; the meet of two is the longer, if one lies in the other."""

    def parse(self, data: object) -> Segments:
        """A dotted name without empty segments."""
        if not isinstance(data, str) or not all(part.replace("_", "a").isalnum() for part in data.split(".")):
            raise Unfit('a dotted name, such as "diffusers"')
        return tuple(unicodedata.normalize("NFC", data).split("."))

    def meet(self, a: Segments, b: Segments) -> Segments:
        """The longer one, if the shorter is its beginning."""
        return within(a, b)

    def permits(self, bound: Segments, asked: str) -> bool:
        """Whether the name lies under the prefix: ``net`` covers ``net.http`` and not ``network``."""
        return tuple(asked.split("."))[: len(bound)] == bound

    def encode(self, bound: Segments) -> Json:
        """The dotted name."""
        return ".".join(bound)

    def tell(self, bound: Segments) -> str:
        """The prefix and what lies under it."""
        return f"only {'.'.join(bound)} and what lies under it"


MOST_COMPONENTS = 64


class PathPrefix(Order[Segments, str]):
    """All paths under one, by whole components: ``pictures/a`` covers ``pictures/a/b`` and not ``pictures/ab``.

    The first component names a folder that the server was given; the meet of two is the longer, if one lies in the
    other. Nothing is cleaned: a path that goes up, repeats a slash or holds a backslash is none.
    """

    def parse(self, data: object) -> Segments:
        """A relative path with ``/`` between its components."""
        if not isinstance(data, str) or (path := path_components(data)) is None:
            raise Unfit('a path such as "pictures/holiday", without ".", "..", "//" or "\\"')
        return path

    def meet(self, a: Segments, b: Segments) -> Segments:
        """The longer one, if the shorter is its beginning."""
        return within(a, b)

    def permits(self, bound: Segments, asked: str) -> bool:
        """Whether the path is the prefix or lies under it; what is no path is not."""
        path = path_components(asked)
        return path is not None and path[: len(bound)] == bound

    def encode(self, bound: Segments) -> Json:
        """The path."""
        return "/".join(bound)

    def tell(self, bound: Segments) -> str:
        """The path and what lies under it."""
        return f"only {'/'.join(bound)} and what lies under it"


def path_components(text: str) -> Segments | None:
    """A relative path taken apart, in Unicode's composed form, or None where it is no plain path."""
    path = tuple(unicodedata.normalize("NFC", text).split("/"))
    plain = all(part not in ("", ".", "..") and not _NO_COMPONENT.search(part) for part in path)
    return path if plain and len(path) <= MOST_COMPONENTS and max(len(part.encode()) for part in path) <= 255 else None


def within(a: Segments, b: Segments) -> Segments:
    """The longer of two prefixes, where it lies in the shorter. Raises `Empty` where neither lies in the other."""
    shorter, longer = sorted((a, b), key=len)
    if longer[: len(shorter)] != shorter:
        raise Empty
    return longer


class Domains(Order[frozenset[Segments], str]):
    """Names of hosts, by whole labels from the right: ``a.org`` covers ``www.a.org`` and not ``aa.org``.

    The meet is what both cover. A bound of one label (``org``) or an address covers nobody's host and is none.
    """

    def parse(self, data: object) -> frozenset[Segments]:
        """A list of names of two labels or more."""
        wanted = 'a list of names such as ["example.org"], each of two labels or more and no address'
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            raise Unfit(wanted)
        if not data:
            raise Empty
        domains = [host_labels(name) for name in data]
        if any(labels is None or len(labels) < 2 for labels in domains):
            raise Unfit(wanted)
        return _widest({labels for labels in domains if labels is not None})

    def meet(self, a: frozenset[Segments], b: frozenset[Segments]) -> frozenset[Segments]:
        """Of each pair the longer, where it lies in the shorter."""
        common = {max(x, y, key=len) for x in a for y in b if x[: len(y)] == y or y[: len(x)] == x}
        if not common:
            raise Empty
        return _widest(common)

    def permits(self, bound: frozenset[Segments], asked: str) -> bool:
        """Whether the host has one of the names, or lies under one."""
        labels = host_labels(asked)
        return labels is not None and any(labels[: len(each)] == each for each in bound)

    def encode(self, bound: frozenset[Segments]) -> Json:
        """The names in order."""
        return list[Json](sorted(".".join(reversed(labels)) for labels in bound))

    def tell(self, bound: frozenset[Segments]) -> str:
        """Each name and what lies under it."""
        return "only " + ", ".join(sorted(".".join(reversed(labels)) for labels in bound)) + " and what lies under"


def host_labels(host: str) -> Segments | None:
    """The labels of a host's name from the right, in DNS's small letters, or None where it is none: an address, say."""
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    labels = tuple(reversed(name.split(".")))
    plain = all(_LABEL.fullmatch(label) for label in labels)
    # What ends in a number is an address, in one of the many ways there are to write one.
    return labels if plain and not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[0]) else None


def _widest(domains: set[Segments]) -> frozenset[Segments]:
    """Without those that lie under another."""
    return frozenset(
        labels for labels in domains if not any(labels[:length] in domains for length in range(1, len(labels)))
    )
