"""What the checker needs to know of an op: its name, how many arguments it takes, and of which kinds."""

from dataclasses import dataclass

from mintaka.lang.kinds import ANY, Kinds


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument that an op takes."""

    name: str
    kinds: Kinds = ANY


@dataclass(frozen=True, slots=True)
class Signature:
    """The shape of a call of op ``name``."""

    name: str
    minimum: int
    maximum: int | None
    """``None`` takes any number from ``minimum`` on."""
    arguments: tuple[Argument, ...] = ()
    """As far as they are known; without a maximum, the last one stands for all that follow."""
    returns: Kinds = ANY
    """What a call gives if it does not fail."""

    def accepts(self, count: int) -> bool:
        """Whether a call with ``count`` arguments has the right arity."""
        return self.minimum <= count and (self.maximum is None or count <= self.maximum)

    def expected(self) -> str:
        """The arity in words: ``1 argument``, ``2 to 3 arguments``, ``at least 1 argument``."""
        if self.maximum is None:
            return f"at least {_arguments(self.minimum)}"
        if self.minimum == self.maximum:
            return _arguments(self.minimum)
        return f"{self.minimum} to {_arguments(self.maximum)}"

    def refused(self, count: int) -> str:
        """The message for a call with ``count`` arguments, which are too few or too many."""
        return f"`{self.name}` takes {self.expected()}, not {count}."

    def argument(self, index: int) -> Argument | None:
        """What stands in place ``index``, if that is known."""
        if index < len(self.arguments):
            return self.arguments[index]
        return self.arguments[-1] if self.arguments and self.maximum is None else None


def _arguments(count: int) -> str:
    return "no arguments" if count == 0 else "1 argument" if count == 1 else f"{count} arguments"
