"""A program that lets its users script it: a shop whose prices are rules its staff write.

Run it: python examples/embedding.py
"""

import asyncio
from dataclasses import dataclass, field

import mintaka

RULES = """
; Every third piece is free, and nobody pays less than a unit.
(params (cart object) (member boolean false))
(let shop (get-capability "shop"))
(let sum 0)
(for item (obj.entries cart)
  (seq
    (let price (shop.price (list.get item 0)))
    (let pieces (list.get item 1))
    (set sum (+ sum (* price (- pieces (math.floor (/ pieces 3))))))))
(if member (set sum (pricing.less sum 10)))
(log "to pay:" sum)
(math.max sum 1)
"""


@dataclass
class Shop:
    """What the program is about. Scripts reach two of its methods, and nothing else of it."""

    prices: dict[str, float] = field(default_factory=lambda: {"tea": 4, "cup": 9.5})
    owner: str = "not for scripts"

    async def price(self, name: str) -> float:
        """A price, as if from a database."""
        await asyncio.sleep(0)
        if name not in self.prices:
            raise mintaka.HostFault(f"The shop has no {name}.", kind="unsupported")
        return self.prices[name]

    def forget(self, name: str) -> None:
        """Not for scripts either."""
        del self.prices[name]


@mintaka.op("pricing.less", label="less percent", category="Pricing")
def less(sum: float, percent: float) -> float:
    """A sum less so many percent, in whole cents.

    > (pricing.less 100 10)
    90
    """
    return round(sum * (100 - percent)) / 100


def main() -> None:
    """Check the rules once, run them for every cart."""
    ops = mintaka.op_table(less)
    for warning in mintaka.check(RULES, ops=ops):
        print(warning.render(RULES))
    rules = mintaka.compile(RULES, ops=ops)
    shop = {"shop": mintaka.expose(Shop(), "price")}

    for cart in ({"tea": 7, "cup": 1}, {"tea": 1, "moon": 1}):
        try:
            done = mintaka.run(
                rules,
                params={"cart": cart, "member": True},
                capabilities=shop,
                budget=mintaka.Budget(fuel=100_000, calls=50, deadline_s=5),
                on_event=lambda kind, data: print(f"  {kind}: {data['text']}"),
            )
        except mintaka.ScriptError as error:
            print(f"refused: {error.message} (line {error.line})")
        else:
            print(f"{done.value} for {done.used.calls} calls and {done.used.fuel} units of fuel")


if __name__ == "__main__":
    main()
