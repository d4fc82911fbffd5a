"""A type is one class in one file: everything else finds it there."""

import sys
from types import ModuleType
from typing import Any

import pytest

from mintaka.capabilities import types

TOY = '''
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.use import Use

@capability("toy.greet", label="Greet")
class Greet:
    """Say hello."""

    def __init__(self, voice: str) -> None:
        self.voice = voice

    @method(effects=Effect.PURE)
    async def hello(self, use: Use) -> str:
        """Hello."""
        return self.voice
'''


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("toy_greet")
    monkeypatch.setitem(sys.modules, "toy_greet", module)
    exec(TOY, vars(module))
    monkeypatch.setattr(types, "MODULES", (module,))
    return module


def test_a_module_gives_the_types_it_declares_and_not_those_it_imports(toy: ModuleType) -> None:
    assert [each.name for each in types.declared()] == ["toy.greet"]


def test_a_type_is_given_the_powers_its_constructor_names_and_no_others(toy: Any) -> None:
    registry = types.registry({"voice": "hello", "engine": object()})
    greet = registry.object("toy.greet")
    assert isinstance(greet, toy.Greet)
    assert greet.voice == "hello"


def test_a_power_that_nobody_gives_is_found_when_the_program_begins(toy: ModuleType) -> None:
    with pytest.raises(TypeError, match="Greet needs voice; there are engine"):
        types.registry({"engine": object()})


def test_every_type_of_the_program_is_declared_once() -> None:
    names = [each.name for each in types.declared()]
    assert len(names) == len(set(names))
    assert {"sys.mint", "diffusers.generate", "fs.read", "fs.write", "net.http"} <= set(names)
