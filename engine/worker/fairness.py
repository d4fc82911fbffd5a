"""Whose turn it is on the device: every line gets the same share of its time, whoever has how many requests in it."""


class Shares:
    """What each line has had.

    One that comes anew is taken to have had as much as the one that has had least: it neither waits for what others had
    before it came nor catches up on that.
    """

    def __init__(self) -> None:
        self._had: dict[str, float] = {}

    def had(self, line: str) -> float:
        """Seconds of the device that ``line`` has had, beside those before it came."""
        return self._had[line]

    def come(self, line: str) -> None:
        """A request of ``line`` has come."""
        self._had.setdefault(line, min(self._had.values(), default=0.0))

    def gone(self, line: str) -> None:
        """The last request of ``line`` is gone."""
        self._had.pop(line, None)

    def charge(self, lines: dict[str, int], seconds: float) -> None:
        """A run of so many ``seconds`` served this many rows of each of ``lines``."""
        rows = sum(lines.values())
        for line, own in lines.items():
            if line in self._had:
                self._had[line] += seconds * own / rows
