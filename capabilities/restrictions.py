"""What a capability is restricted to: a bound for each of the restrictions its type declares.

A type declares its restrictions as the fields of a class:

    class UpscaleRestrictions(Restrictions):
        max_factor: AtMost = restriction("Largest enlargement", unit="×", least=1)

An object of that class is one point of the product of those orders. A field without a bound restricts nothing, so the
object without any bound is ⊤, and `Restrictions.meet` works field by field.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from mintaka.capabilities.order import Allowed, Deny, Empty, Json, Order, Unfit
from mintaka.runtime.errors import HostFault


@dataclass(frozen=True, slots=True)
class Rule:
    """One restriction a type knows: its name, its order, and what to call it."""

    name: str
    order: Order[Any, Any]
    help: str
    unit: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Declared:
    help: str
    unit: str
    settings: Mapping[str, Any]


def restriction(help: str, *, unit: str = "", **settings: Any) -> Any:
    """Declare a field of a `Restrictions` class; its annotation names the order, which takes ``settings``."""
    return _Declared(help, unit, settings)


@dataclass(frozen=True, slots=True)
class Setter:
    """Who set a bound, as it is told to whoever met it."""

    name: str
    """A principal."""
    own: bool = False
    """Whether that is the very one who met it."""
    label: str | None = None
    """What they called the link; of their own only."""

    @property
    def told(self) -> str:
        """A clause that says who can raise it."""
        if not self.own:
            return f"{self.name} can raise that"
        return "you set that yourself" + (f", on “{self.label}”" if self.label else "")

    @property
    def advice(self) -> str:
        """What to do to have it raised."""
        return "use what you made it from" if self.own else f"ask {self.name} for more"


class Restrictions:
    """The restrictions every type has, and the base of those of each type."""

    rules: ClassVar[Mapping[str, Rule]] = {}

    methods: Allowed = restriction("Methods that may be called")
    no_delegate: Deny = restriction("May not be handed on")
    no_give: Deny = restriction("May not be handed to anybody else")

    def __init__(self, bounds: Mapping[str, Any] | None = None) -> None:
        self._bounds: Mapping[str, Any] = dict(bounds or {})

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.rules = {**cls.rules, **_declared(cls)}

    @classmethod
    def parse(cls, data: object, *, of: str) -> Self:
        """The restrictions that JSON ``data`` writes for type ``of``.

        Raises HostFault: ``invalid_params`` for a restriction the type does not have or a value it cannot have,
        ``empty_authority`` for one that would permit nothing.
        """
        if not isinstance(data, Mapping):
            raise HostFault(
                'restrictions are an object, such as {"max_width": 256}', kind="invalid_params", hint="pass an object"
            )
        return cls({name: cls._bound(name, value, of) for name, value in data.items()})

    @classmethod
    def _bound(cls, name: str, value: object, of: str) -> object:
        rule = cls.rules.get(name)
        if rule is None:
            near = difflib.get_close_matches(name, cls.rules, n=1)
            hint = f"did you mean `{near[0]}`?" if near else "it has " + ", ".join(sorted(cls.rules))
            raise HostFault(
                f"{of} has no restriction `{name}` — {hint}",
                kind="invalid_params",
                hint=hint,
                data={"restriction": name},
            )
        try:
            return rule.order.parse(value)
        except Empty:
            raise nothing_left(of, name) from None
        except Unfit as error:
            raise HostFault(
                f"restriction `{name}` of {of} takes {error}", kind="invalid_params", data={"restriction": name}
            ) from None

    def meet(self, other: Self) -> Self:
        """The meet: what both permit. Raises `Empty`, with the restriction's name, where that is nothing."""
        met = dict(self._bounds)
        for name, bound in other._bounds.items():
            try:
                met[name] = self.rules[name].order.meet(met[name], bound) if name in met else bound
            except Empty:
                raise Empty(name) from None
        return type(self)(met)

    def get(self, name: str) -> Any:
        """The bound of a restriction, or ``None`` where it restricts nothing."""
        return self._bounds.get(name)

    def permits(self, name: str, asked: object) -> bool:
        """Whether what is asked lies within the bound of restriction ``name``, if there is one."""
        return name not in self._bounds or self.rules[name].order.permits(self._bounds[name], asked)

    def permit(self, of: str, asked: Mapping[str, object]) -> None:
        """Raise HostFault ``denied`` for the first thing asked that is not permitted, naming the restriction."""
        for name, value in asked.items():
            if not self.permits(name, value):
                raise self.denied(of, name, value)

    def reason(self, name: str) -> str:
        """The bound of restriction ``name`` in words: "`max_width` allows at most 256 px"."""
        if isinstance(self.rules[name].order, Deny):
            return f"`{name}` forbids it"
        return f"`{name}` allows {self._allows(name)}"

    def _allows(self, name: str) -> str:
        rule = self.rules[name]
        return rule.order.tell(self._bounds[name]) + (f" {rule.unit}" if rule.unit else "")

    def denied(self, of: str, name: str, asked: object, setter: Setter | None = None) -> HostFault:
        """The refusal of what lies beyond the bound of restriction ``name``, which ``setter`` can raise."""
        rule, shown = self.rules[name], self.rules[name].order.show(asked)
        if isinstance(rule.order, Deny):
            message, hint = f"`{name}` forbids that to this {of}", "hold one that is not so restricted"
        else:
            unit, allows = f" {rule.unit}" if rule.unit else "", self._allows(name)
            wanted = f"{shown[0]} to {shown[1]}" if isinstance(shown, list) else f"{shown}{unit}"
            message = f"`{name}` of this {of} allows {allows}, and {wanted} was asked for"
            hint = f"ask for {allows}"
        data: dict[str, object] = {
            "restriction": name,
            "asked": shown,
            "allowed": rule.order.encode(self._bounds[name]),
        }
        if setter is not None:
            message, hint = f"{message}; {setter.told}", f"{hint}, or {setter.advice}"
            data["raised_by"] = setter.name
        return HostFault(message, kind="denied", hint=hint, data=data)

    def facts(self, name: str) -> dict[str, Json]:
        """What the bound of restriction ``name`` says about an argument it governs (`Order.facts`)."""
        return self.rules[name].order.facts(self._bounds[name]) if name in self._bounds else {}

    def to_json(self) -> dict[str, Json]:
        """The bounds as JSON, in the order of their names."""
        return {name: self.rules[name].order.encode(self._bounds[name]) for name in sorted(self._bounds)}

    def canonical(self) -> str:
        """The one text that stands for these restrictions: equal restrictions have equal texts."""
        return json.dumps(self.to_json(), ensure_ascii=True, separators=(",", ":"), sort_keys=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Restrictions) and type(self) is type(other) and self._bounds == other._bounds

    def __hash__(self) -> int:
        return hash(self.canonical())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.canonical()})"


def nothing_left(of: str, name: str) -> HostFault:
    """The refusal of a link that would permit nothing because of restriction ``name``."""
    return HostFault(
        f"with that `{name}` this {of} would permit nothing",
        kind="empty_authority",
        hint="choose a value that overlaps with what is held",
        data={"restriction": name},
    )


def _declared(cls: type) -> dict[str, Rule]:
    rules = {}
    for name, value in vars(cls).items():
        if isinstance(value, _Declared):
            order: type[Order[Any, Any]] = cls.__annotations__[name]
            rules[name] = Rule(name, order(**value.settings), value.help, value.unit, order.__name__)
    return rules


Restrictions.rules = _declared(Restrictions)
