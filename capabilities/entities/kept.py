"""What an entity keeps, as JSON in the database, read as values; `mintaka.capabilities.entities.keeping` writes it.

In the JSON, the key ``$`` marks what is none: a picture, a reference to a capability, an object with a key ``$``.
"""

import json
from collections.abc import Callable, Iterator, Mapping

from mintaka.capabilities.images import Image
from mintaka.library.entities import Json
from mintaka.runtime.values import Value

MARK = "$"


def shown(tree: Json, capability: Callable[[str, str], Value]) -> Value:
    """The value of what was kept; ``capability`` gives what a reference to one (its id and type) is for the reader."""
    if isinstance(tree, list):
        return [shown(item, capability) for item in tree]
    if not isinstance(tree, dict):
        return tree
    mark = tree.get(MARK)
    if mark == "image":
        seed = tree["seed"]
        assert seed is None or isinstance(seed, int)
        return Image(str(tree["asset"]), _whole(tree["width"]), _whole(tree["height"]), seed=seed)
    if mark == "capability":
        return capability(str(tree["id"]), str(tree["type"]))
    plain = tree["of"] if mark == "object" else tree
    assert isinstance(plain, dict)
    return {key: shown(member, capability) for key, member in plain.items()}


def capabilities_kept(properties: Mapping[str, Json]) -> Iterator[str]:
    """The ids of the capabilities that are kept in some properties, in order."""
    waiting: list[Json] = list(properties.values())[::-1]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict) and each.get(MARK) == "capability":
            yield str(each["id"])
        elif isinstance(each, dict):
            waiting.extend(list(each.values())[::-1])
        elif isinstance(each, list):
            waiting.extend(each[::-1])


def text(tree: Json) -> str:
    """JSON as it is kept."""
    return json.dumps(tree, separators=(",", ":"))


def _whole(value: Json) -> int:
    assert isinstance(value, int)
    return value
