"""Capability types and their methods in the terminal, from what ``get_capability_metadata`` tells of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from mintaka.lang.documentation import usage

Told = Mapping[str, Any]


def type_page(told: Told) -> str:
    """What a type is, its methods a line each, and what it can be restricted to."""
    rules = told.get("restrictable", ())
    width = max((len(rule["name"]) for rule in rules), default=0)
    lines = [f"  {rule['name']:{width}}  {_with_unit(rule['description'], rule)}" for rule in rules]
    restricted = "\n\nIt can be restricted by:\n\n" + "\n".join(lines) if lines else ""
    return f"{told['type']}: {told['description']}" + method_lines(told["methods"]) + restricted


def method_lines(methods: Iterable[Told]) -> str:
    """A capability's methods, a line each."""
    lines = [f"\n  {usage({**method, 'opcode': method['name']})}  {method['label']}" for method in methods]
    return "\n" + "".join(lines) if lines else ""


def method_page(owner: str, method: Told) -> str:
    """How a method is called, what it does and costs, and its options with what they may be."""
    parts = [
        f"{usage({**method, 'opcode': owner + '.' + method['name']})} → {method['returnType']}",
        str(method["description"]),
        _facts(method),
    ]
    if why := method.get("unavailable"):
        parts.append(f"Not now: {why}.")
    named = [each for each in method["parameters"] if "fields" not in each]
    if named:
        width = max(len(each["name"]) for each in named)
        parts.append("\n".join(f"  {each['name']:{width}}  {_kind(each)}  {each['description']}" for each in named))
    options = [option for parameter in method["parameters"] for option in parameter.get("fields", ())]
    if options:
        width = max(len(option["alias"]) for option in options)
        parts.append(
            "\n".join(f"  :{option['alias']:{width}}  {_kind(option)}  {option['description']}" for option in options)
        )
    return "\n\n".join(parts)


def _facts(method: Told) -> str:
    """``gpu · costs width * height pixel-steps · cancellable``."""
    facts = [str(method["effects"])]
    if method["cost"]:
        facts.append(f"costs {method['cost']} {method['cost_unit']}")
    facts += [word for word in ("deterministic", "cancellable") if method[word]]
    return " · ".join(facts)


def _kind(option: Told) -> str:
    """``number 8–4096 px``, with the range or the choices it has."""
    low, high = option.get("minimum"), option.get("maximum")
    if low is None and high is None:
        return str(option["type"])
    reach = f"{low}–{high}" if None not in (low, high) else f"from {low}" if high is None else f"up to {high}"
    return _with_unit(f"{option['type']} {reach}", option)


def _with_unit(text: str, told: Told) -> str:
    return f"{text} ({told['unit']})" if told.get("unit") else text
