"""Who there is, and the tokens they sign in with."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, or_, select, update

from mintaka.capabilities.secrets import hashed, new_secret
from mintaka.runtime.errors import HostFault
from mintaka.storage.database import Database
from mintaka.storage.schema import principal, token

OWNER = "owner"
"""The principal whom the machine's own token names, and who holds the roots of all authority."""

PREFIX = "mt_"
"""What tokens begin with."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_USE_NOTED_EVERY_S = 60.0


class PrincipalKind(StrEnum):
    """What somebody is. Kinds grant nothing: authority is held in capabilities alone."""

    OWNER = "owner"
    USER = "user"
    SERVICE = "service"
    """A program."""
    GUEST = "guest"
    """Whoever opened a share link."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or some program, that can hold capabilities."""

    name: str
    kind: PrincipalKind
    created: float


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the token itself is told once, when it is made. Times: seconds since the epoch."""

    id: str
    principal: str
    name: str
    created: float
    expires: float | None
    last_used: float | None
    """To the minute."""

    def to_json(self) -> dict[str, str | float | None]:
        """What ``tokens.list`` tells."""
        return asdict(self)


def issue(
    tx: Connection, name: str, called: str, now: float, expires: float | None, token_bytes: Callable[[int], bytes]
) -> tuple[Token, str]:
    """Make a token for principal ``name`` within a transaction; see `Principals.issue`."""
    secret = new_secret(PREFIX, token_bytes)
    made = Token(f"t_{token_bytes(8).hex()}", name, called, now, expires, None)
    tx.execute(insert(token).values(**asdict(made), hash=hashed(secret)))
    return made, secret


class Principals:
    """The principals of ``database``. ``clock`` gives seconds since the epoch, ``token_bytes(n)`` n random bytes."""

    def __init__(self, database: Database, *, clock: Callable[[], float], token_bytes: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._token_bytes = token_bytes

    def create(self, name: str, kind: PrincipalKind) -> Principal:
        """Make a principal, who holds nothing yet.

        Raises HostFault ``invalid_params`` for a name that is taken or is none: 1 to 64 of a–z 0–9 . _ -
        """
        if not _NAME.fullmatch(name):
            raise HostFault(
                f"`{name}` cannot be a name here",
                kind="invalid_params",
                hint="use 1 to 64 of the signs a-z 0-9 . _ - and begin with a letter or digit",
            )
        with self._database.write() as tx:
            if tx.execute(select(principal.c.name).where(principal.c.name == name)).first() is not None:
                raise HostFault(f"there is a `{name}` already", kind="invalid_params", hint="choose another name")
            made = Principal(name, kind, self._clock())
            tx.execute(insert(principal).values(name=name, kind=kind.value, created=made.created))
        return made

    def everybody(self) -> list[Principal]:
        """Every principal, the oldest first."""
        with self._database.read() as tx:
            rows = tx.execute(select(principal).order_by(principal.c.created, principal.c.name)).all()
        return [Principal(row.name, PrincipalKind(row.kind), row.created) for row in rows]

    def issue(self, name: str, called: str, expires: float | None = None) -> tuple[Token, str]:
        """Make a token for principal ``name``; what is kept of it, and the token itself, which is told this once.

        Raises HostFault ``invalid_params`` where nobody has that name.
        """
        with self._database.write() as tx:
            if tx.execute(select(principal.c.name).where(principal.c.name == name)).first() is None:
                raise HostFault(f"nobody is called `{name}` here", kind="invalid_params", hint="check the name")
            return issue(tx, name, called, self._clock(), expires, self._token_bytes)

    def token(self, secret: str) -> Token | None:
        """The token that ``secret`` is, or None where there is none, or none any more. Notes that it was used."""
        now = self._clock()
        live = or_(token.c.expires.is_(None), token.c.expires > now)
        with self._database.read() as tx:
            row = tx.execute(select(token).where(token.c.hash == hashed(secret), live)).first()
        if row is None:
            return None
        if row.last_used is None or now - row.last_used >= _USE_NOTED_EVERY_S:
            with self._database.write() as tx:
                tx.execute(update(token).where(token.c.id == row.id).values(last_used=now))
        return Token(row.id, row.principal, row.name, row.created, row.expires, row.last_used)

    def tokens(self) -> list[Token]:
        """Every token that can still be used, the oldest first."""
        live = or_(token.c.expires.is_(None), token.c.expires > self._clock())
        with self._database.read() as tx:
            rows = tx.execute(select(token).where(live).order_by(token.c.created, token.c.id)).all()
        return [Token(row.id, row.principal, row.name, row.created, row.expires, row.last_used) for row in rows]

    def revoke_token(self, id: str) -> Token:
        """End a token for ever. Raises HostFault ``invalid_params`` where there is none of that id."""
        for each in self.tokens():
            if each.id == id:
                with self._database.write() as tx:
                    tx.execute(delete(token).where(token.c.id == id))
                return each
        raise HostFault(f"there is no token `{id}`", kind="invalid_params", hint="tokens.list tells them all")
