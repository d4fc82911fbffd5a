"""Signing in: ``auth``, ``ping``, and who comes without a token."""

import asyncio

from pydantic import Field

from mintaka.capabilities import share_links
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.kernel import Kernel
from mintaka.runtime.errors import HostFault
from mintaka.server.connection import POLICY_VIOLATION, Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.guests import Guests
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.powers import ServerPowers
from mintaka.server.sessions import Peer, Session, Sessions
from mintaka.server.throttle import Throttle
from mintaka.server.tokens import WRONG_TOKENS_MAX, SignedIn, Tokens, delay_after


class AuthParams(Params):
    """The token ``mintaka serve`` prints, one that its owner made for you, or that of a share link."""

    token: str = Field(max_length=1024)


class SessionMethods:
    """``auth`` and ``ping``."""

    def __init__(
        self,
        tokens: Tokens,
        throttle: Throttle,
        kernel: Kernel,
        sessions: Sessions,
        powers: ServerPowers,
        guests: Guests,
    ) -> None:
        self._tokens = tokens
        self._throttle = throttle
        self._kernel = kernel
        self._sessions = sessions
        self._powers = powers
        self._guests = guests

    def welcome(self, connection: Peer) -> None:
        """Sign in whoever calls a method without having done so, if guests are let in; else do nothing."""
        if connection.session is None and (guest := self._guests.admit(connection.address)) is not None:
            self._begin(connection, SignedIn(guest, None))

    @rpc_method("ping", open=True)
    async def ping(self, caller: Caller, params: Nothing) -> Reply:
        """Answer at once."""
        return Reply("pong")

    @rpc_method("auth", open=True)
    async def auth(self, caller: Caller, params: AuthParams) -> Reply:
        """Sign in with a token: who you are, and the name of this session.

        The token of a share link makes a new guest who holds what the link gives; the answer then has the guest's own
        token, to sign in with from then on.
        """
        connection = caller.connection
        try:
            if params.token.startswith(share_links.PREFIX):
                return await self._open_link(connection, params.token)
            signed = self._tokens.sign_in(params.token, connection.address)
        except Fault as fault:
            if fault.kind is Kind.BUSY:
                self._count_wrong(connection)
            raise
        if signed is None:
            raise await self._refused(
                connection,
                "That token is not valid here. `mintaka serve` prints the right one, and keeps it in the file `token` "
                "of the data folder.",
            )
        return Reply(self._begin(connection, signed))

    async def _open_link(self, connection: Peer, token: str) -> Reply:
        if connection.session is not None:
            raise Fault(
                Kind.INVALID_REQUEST,
                "This connection is signed in already. Take what the link gives with capabilities.redeem.",
            )
        self._throttle.check(connection.address)
        try:
            held, kept, secret = self._kernel.open_link(token)
        except HostFault:
            self._throttle.wrong(connection.address)
            raise await self._refused(
                connection, "That link gives nothing any more: it was used up, has expired or was taken back."
            ) from None
        return Reply({**self._begin(connection, SignedIn(held.holder, kept.id)), "token": secret})

    def _begin(self, connection: Peer, signed: SignedIn) -> dict[str, object]:
        """Make the connection a session of who signed in."""
        if connection.session is not None and connection.session.principal != signed.principal:
            raise Fault(Kind.INVALID_REQUEST, "This connection is signed in as somebody else. Open another one.")
        if connection.session is None:
            token_bytes = self._powers.token_bytes
            connection.session = Session(
                f"s_{token_bytes(12).hex()}", signed.principal, Handles(token_bytes), signed.token
            )
            self._sessions.add(signed.principal, connection)
        return {"principal": signed.principal, "session": connection.session.id}

    async def _refused(self, connection: Peer, message: str) -> Fault:
        """The refusal of a wrong token, told the later the more often this connection was wrong."""
        await asyncio.sleep(delay_after(connection.wrong_tokens + 1))
        self._count_wrong(connection)
        return Fault(Kind.UNAUTHENTICATED, message)

    @staticmethod
    def _count_wrong(connection: Peer) -> None:
        """Send away who does not stop."""
        connection.wrong_tokens += 1
        if connection.wrong_tokens >= WRONG_TOKENS_MAX:
            connection.close(POLICY_VIOLATION)
