"""What an input at the prompt would call, need and cost, found without running it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mintaka.client import RemoteCapability, RemoteError
from mintaka.lang.tree import Call, Data, Group, Literal, Node, walk
from mintaka.server.command.vocabulary import Vocabulary

if TYPE_CHECKING:
    from mintaka.client import Connection


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A call of a method that stands in a script."""

    type: str
    method: str
    args: list[Data] | None
    """What it is given, if that can be known."""


def ops_called(tree: Node) -> Counter[str]:
    """The ops and forms of a script, and how often each stands in it."""
    return Counter(node.op for node in walk(tree) if isinstance(node, Call) and node.op != "std.var")


def method_calls(tree: Node, needed: Mapping[str, list[str]], vocabulary: Vocabulary) -> Iterator[MethodCall]:
    """The method calls of a script, on what the session holds and on what it looks up: ``needed``, type → methods."""
    for node in walk(tree):
        match node:
            case Call("std.call_method", (owner, Literal(str(method)), *args)):
                type = _held_type(owner, vocabulary) or _only(name for name in needed if method in needed[name])
                if type is not None:
                    known = [constant(arg) for arg in args]
                    values = [value for each in known if each is not None for value in each]
                    yield MethodCall(type, method, values if len(values) == len(args) else None)


async def estimated(connection: "Connection", call: MethodCall, vocabulary: Vocabulary) -> str:
    """What a call would cost and whether it is allowed, where its type can tell; else how its cost is reckoned."""
    methods: Mapping[str, Mapping[str, Any]] = vocabulary.methods_of(call.type)
    told = methods.get(call.method, {})
    reckoned = f"costs {told['cost']}" if told.get("cost") else ""
    if "estimate" not in methods or call.args is None or not reckoned:
        return reckoned
    script = ["std.call_method", ["get_capability", call.type], "estimate", ["std.arg", 0], ["std.arg", 1]]
    try:
        answer = await connection.run(script, args=[call.method, call.args])
    except RemoteError as error:
        return error.message
    if not isinstance(answer, Mapping):
        return reckoned
    cost, allowed, why = answer.get("megapixel_steps"), answer.get("allowed"), answer.get("why")
    return f"costs {cost:g} megapixel-steps" * isinstance(cost, int | float) + ("" if allowed else f" — refused: {why}")


def constant(node: Node) -> tuple[Data] | None:
    """The value of an expression that is the same whenever it is evaluated, in a tuple; ``None`` if it may not be."""
    match node:
        case Literal(value):
            return (value,)
        case Call("std.quote", (Literal(value),)):
            return (value,)
        case Call("list.new", items):
            known = [constant(item) for item in items]
            values = [value for each in known if each is not None for value in each]
            return (values,) if len(values) == len(items) else None
        case Call("obj.new", pairs):
            entries: dict[str, Data] = {}
            for pair in pairs:
                if not isinstance(pair, Group) or len(pair.items) != 2:
                    return None
                key, held = pair.items[0], constant(pair.items[1])
                if held is None or not isinstance(key, Literal):
                    return None
                entries[str(key.value)] = held[0]
            return (entries,)
    return None


def _held_type(owner: Node, vocabulary: Vocabulary) -> str | None:
    match owner:
        case Call("std.var", (Literal(str(name)),)):
            held = vocabulary.memory.values.get(name)
            return held.type if isinstance(held, RemoteCapability) else None
    return None


def _only(names: Iterator[str]) -> str | None:
    found = list(names)
    return found[0] if len(found) == 1 else None
