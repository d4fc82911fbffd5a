"""Compare generated code with the reference evaluator: ``python -m fuzz.differential [PROGRAMS] [FIRST_SEED]``.

Runs so many random programs both ways (50,000 unless told) and stops at the first on which they disagree, printing the
seed, the program made smaller as far as that was easy, and what differs.
"""

import asyncio
import random
import sys
from collections import Counter
from collections.abc import Iterator

from mintaka.lang import Call, Group, Literal, Node, SyntaxFault, from_json, parse, print_tree
from tests.reference.agreement import OPS, compare, differences
from tests.reference.checks import mistakes
from tests.reference.programs import Programs

TRIES = 2_000
"""Smaller programs that are tried before one is shown."""


def program(seed: int) -> Node:
    """The program of a seed, read from its text so that everything in it has a place."""
    return parse(print_tree(from_json(Programs(random.Random(seed)).program())))


def valid(tree: Node) -> bool:
    """Whether a program can be compiled."""
    return not mistakes(tree, OPS.signatures)


def smaller(node: Node) -> Iterator[Node]:
    """Trees like this one with a part left out, or replaced by a part of its own."""
    if isinstance(node, Literal):
        return
    if isinstance(node, Call):
        yield Literal(None)
        yield from node.args
        for index in range(len(node.args)):
            yield Call(node.op, node.args[:index] + node.args[index + 1 :])
    parts = node.args if isinstance(node, Call) else node.items
    for index, part in enumerate(parts):
        for less in smaller(part):
            changed = (*parts[:index], less, *parts[index + 1 :])
            yield Call(node.op, changed) if isinstance(node, Call) else Group(changed)


def reduced(tree: Node, runner: asyncio.Runner) -> Node:
    """A smaller program on which the two still disagree."""
    tries, found = TRIES, True
    while found and tries > 0:
        found = False
        for less in smaller(tree):
            tries -= 1
            if tries < 0:
                break
            try:
                candidate = parse(print_tree(less))
                if valid(candidate) and runner.run(differences(candidate)):
                    tree, found = candidate, True
                    break
            except (SyntaxFault, AssertionError):
                continue
    return tree


def main() -> int:
    """Compare program after program; 1 if one differed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    ends: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        for seed in range(first, first + count):
            tree = program(seed)
            assert valid(tree), f"seed {seed} makes a program that the checker refuses:\n{print_tree(tree)}"
            meant, found = runner.run(compare(tree))
            if found:
                small = reduced(tree, runner)
                print(f"seed {seed}:\n{print_tree(small)}\n", *runner.run(differences(small)), sep="\n")
                return 1
            ends[meant.end] += 1
    print(f"{count} programs agree: " + ", ".join(f"{end} {number}" for end, number in ends.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
