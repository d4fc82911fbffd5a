"""What each principal has set with ``options``: which model, and how many layers of its text encoder are left out.

It holds as long as the server runs. There it is one setting for everybody; here everybody has their own.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MOST = 1000
"""Principals remembered; then the one who set something the longest ago is forgotten."""


class Chosen:
    """The options that hold for what a principal asks next."""

    def __init__(self) -> None:
        self._chosen: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def options(self, principal: str) -> Mapping[str, Any]:
        """Options as all methods which draw have them."""
        return self._chosen.get(principal, {})

    def choose(self, principal: str, options: Mapping[str, Any]) -> None:
        """Add to them."""
        self._chosen[principal] = {**self.options(principal), **options}
        self._chosen.move_to_end(principal)
        if len(self._chosen) > MOST:
            self._chosen.popitem(last=False)
