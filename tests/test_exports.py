"""The public names, written down: adding or removing one is a decision, not an accident."""

import importlib
import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden" / "exports.json"
"""To accept a change: ``python -m json.tool`` is the format; edit the list by hand."""
EXPORTS: dict[str, list[str]] = json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("package", sorted(EXPORTS))
def test_public_names_are_the_written_ones(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == EXPORTS[package]


@pytest.mark.parametrize("package", sorted(EXPORTS))
def test_public_names_exist_and_say_what_they_are(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value):
            assert value.__doc__, f"{package}.{name} has no docstring"
