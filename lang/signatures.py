"""What the checker needs to know of an op: its name and how many arguments it takes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """The shape of a call of op ``name``."""

    name: str
    minimum: int
    maximum: int | None
    """``None`` takes any number from ``minimum`` on."""

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


def _arguments(count: int) -> str:
    return "no arguments" if count == 0 else "1 argument" if count == 1 else f"{count} arguments"
