"""Functions written in the language that scripts can call like ops: how they are read, and made part of a script.

A definition is a ``std.define`` whose body begins with its docstring: `(define gen.grid [axes] (seq "Every …" …))`.
A script that names one is expanded before it is compiled: what it needs is defined in front of it, under names no other
variable of it has, and the calls become calls of functions. Nothing else about it is special: it means what the same
script with the same definitions in it would mean, and costs the same fuel.
"""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mintaka.lang.documentation import CATEGORIES, Example, read_documentation
from mintaka.lang.limits import allow_deep_recursion
from mintaka.lang.names import bound_names
from mintaka.lang.parser import parse
from mintaka.lang.signatures import Argument, Signature
from mintaka.lang.spans import HIDDEN
from mintaka.lang.tree import Call, Group, Literal, Node, walk


@dataclass(frozen=True, slots=True)
class Definition:
    """A function scripts can call as if it were an op."""

    name: str
    parameters: tuple[str, ...]
    body: Node
    """Without the docstring; its places are `HIDDEN`, for they are none of the script's."""
    description: str
    examples: tuple[Example, ...]

    @property
    def signature(self) -> Signature:
        """The arity: exactly as many arguments as parameters."""
        count = len(self.parameters)
        return Signature(self.name, count, count, tuple(map(Argument, self.parameters)))

    @property
    def category(self) -> str:
        """What it is filed under."""
        return CATEGORIES[self.name.partition(".")[0]]

    def describe(self) -> dict[str, object]:
        """The function as an element of ``get_opcodes``."""
        return {
            "opcode": self.name,
            "label": self.name.rpartition(".")[2].replace("_", " "),
            "category": self.category,
            "description": self.description,
            "layout": "standard",
            "parameters": [{"name": name, "type": "any", "description": ""} for name in self.parameters],
            "slots": [{"name": name, "type": "block"} for name in self.parameters],
            "returnType": "any",
            "examples": [example.to_json() for example in self.examples],
        }


def docstring(body: Node) -> str | None:
    """The docstring of a function: the text its body, a sequence of more than that, begins with."""
    if isinstance(body, Call) and body.op == "std.seq" and len(body.args) > 1:
        first = body.args[0]
        if isinstance(first, Literal) and isinstance(first.value, str):
            return inspect.cleandoc(first.value)
    return None


def read_definitions(source: str) -> tuple[Definition, ...]:
    """The definitions of a text that holds nothing else. Raises `ValueError` for one that is not documented."""
    tree = parse(source)
    defines = tree.args if isinstance(tree, Call) and tree.op == "std.seq" else (tree,)
    return tuple(map(_definition, defines))


def expanded(tree: Node, definitions: Mapping[str, Definition]) -> Node:
    """``tree`` with the definitions it needs in front of it; itself, if it names none."""
    named = _named(tree, definitions)
    if not named:
        return tree
    allow_deep_recursion()
    needed = _needed(named, definitions)
    names = _reserved(needed, bound_names(tree))
    defines = tuple(
        Call(
            "std.define",
            (
                Literal(names[name], HIDDEN),
                Literal(list(definitions[name].parameters), HIDDEN),
                _renamed(definitions[name].body, names),
            ),
            HIDDEN,
            HIDDEN,
        )
        for name in definitions
        if name in needed
    )
    script = _renamed(tree, names)
    if isinstance(script, Call) and script.op == "std.seq":
        return replace(script, args=(*defines, *script.args))
    return Call("std.seq", (*defines, script), tree.span, tree.span)


def _definition(node: Node) -> Definition:
    if not (isinstance(node, Call) and node.op == "std.define" and len(node.args) == 3):
        raise ValueError("a file of definitions holds `define` alone")
    name, parameters, body = node.args
    assert isinstance(name, Literal)
    assert isinstance(parameters, Literal)
    assert isinstance(parameters.value, list)
    doc = docstring(body)
    if doc is None:
        raise ValueError(f'{name.value} has no docstring: begin its body with one, (seq "…" …)')
    assert isinstance(body, Call)
    description, examples = read_documentation(doc)
    bare = body.args[1] if len(body.args) == 2 else replace(body, args=body.args[1:])
    return Definition(str(name.value), tuple(map(str, parameters.value)), _hidden(bare), description, examples)


def _needed(named: Iterable[str], definitions: Mapping[str, Definition]) -> set[str]:
    """Names of definitions, and of those they name in turn."""
    needed: set[str] = set()
    pending = list(named)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending.extend(_named(definitions[name].body, definitions))
    return needed


def _named(node: Node, definitions: Mapping[str, Definition]) -> set[str]:
    return {call.op for call in walk(node) if isinstance(call, Call) and call.op in definitions}


def _reserved(names: Iterable[str], taken: frozenset[str]) -> dict[str, str]:
    """A variable for each definition that the script has no other of."""
    reserved: dict[str, str] = {}
    for name in names:
        variable = f"({name})"
        while variable in taken:
            variable = f"({variable})"
        reserved[name] = variable
    return reserved


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    """``node`` with calls of definitions made calls of the functions of these names."""
    if isinstance(node, Literal):
        return node
    if isinstance(node, Group):
        return Group(tuple(_renamed(item, names) for item in node.items), node.span)
    args = tuple(_renamed(arg, names) for arg in node.args)
    if node.op not in names:
        return Call(node.op, args, node.span, node.head)
    variable = Call("std.var", (Literal(names[node.op], node.head),), node.head, node.head)
    return Call("std.apply", (variable, *args), node.span, node.head)


def _hidden(node: Node) -> Node:
    if isinstance(node, Literal):
        return Literal(node.value, HIDDEN)
    if isinstance(node, Group):
        return Group(tuple(map(_hidden, node.items)), HIDDEN)
    return Call(node.op, tuple(map(_hidden, node.args)), HIDDEN, HIDDEN)
