"""Who there is and how they sign in: ``principals.… tokens.…``, for the owner alone."""

from typing import Any

from pydantic import Field

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.principals import OWNER, PrincipalKind, Principals
from mintaka.server.connection import POLICY_VIOLATION, Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.powers import ServerPowers
from mintaka.server.sessions import Sessions
from mintaka.server.wire import HANDLE


class CreateParams(Params):
    """A name, what it is, and what it shall hold from the beginning."""

    name: str = Field(max_length=200, description="1 to 64 of a-z 0-9 . _ -")
    kind: str = Field(default="user", description="user, or service for a program")
    capabilities: list[Any] = Field(default_factory=list, description="Capabilities of yours to share unnarrowed")
    ttl_s: float | None = Field(default=None, gt=0, description="Seconds until the token expires")


class IssueParams(Params):
    """Whom the token is for, what it is called, and how long it lasts."""

    principal: str = Field(max_length=200)
    name: str = Field(default="token", max_length=200, description="What you call it")
    ttl_s: float | None = Field(default=None, gt=0, description="Seconds until it expires")


class TokenParams(Params):
    """The id of a token, as ``tokens.list`` tells it."""

    token: str = Field(max_length=200)


class PrincipalMethods:
    """``principals.create|list`` and ``tokens.create|list|revoke``."""

    def __init__(self, principals: Principals, kernel: Kernel, sessions: Sessions, powers: ServerPowers) -> None:
        self._principals = principals
        self._kernel = kernel
        self._sessions = sessions
        self._powers = powers

    @rpc_method("principals.create")
    async def create(self, caller: Caller, params: CreateParams) -> Reply:
        """Make a principal with a token, which is told this once."""
        caller.require_owner()
        if params.kind not in (PrincipalKind.USER, PrincipalKind.SERVICE):
            raise Fault(Kind.INVALID_PARAMS, "`kind` is user or service.")
        handles = caller.session.handles
        shared = [
            handles.resolve(each.get(HANDLE) if isinstance(each, dict) else each).id for each in params.capabilities
        ]
        for id in shared:  # what cannot be shared is told before anybody is made
            self._kernel.permit(OWNER, id, {"no_delegate": True, "no_give": True})
        made = self._principals.create(params.name, PrincipalKind(params.kind))
        for id in shared:
            self._kernel.share(OWNER, id, made.name)
        _, secret = self._principals.issue(made.name, "first token", self._expiry(params.ttl_s))
        return Reply({"principal": made.name, "token": secret})

    @rpc_method("principals.list")
    async def list_principals(self, caller: Caller, params: Nothing) -> Reply:
        """Everybody there is."""
        caller.require_owner()
        return Reply(
            [
                {"name": each.name, "kind": each.kind.value, "created": each.created}
                for each in self._principals.everybody()
            ]
        )

    @rpc_method("tokens.create")
    async def create_token(self, caller: Caller, params: IssueParams) -> Reply:
        """Make another token for a principal; it is told this once."""
        caller.require_owner()
        made, secret = self._principals.issue(params.principal, params.name, self._expiry(params.ttl_s))
        return Reply({**made.to_json(), "token": secret})

    @rpc_method("tokens.list")
    async def list_tokens(self, caller: Caller, params: Nothing) -> Reply:
        """The tokens that can be used, when each was last used, and never the tokens themselves."""
        caller.require_owner()
        return Reply([each.to_json() for each in self._principals.tokens()])

    @rpc_method("tokens.revoke")
    async def revoke_token(self, caller: Caller, params: TokenParams) -> Reply:
        """End a token for ever, and the connections that signed in with it."""
        caller.require_owner()
        ended = self._principals.revoke_token(params.token)
        for connection in self._sessions.of(ended.principal):
            if connection.session is not None and connection.session.token == ended.id:
                connection.close(POLICY_VIOLATION)
        return Reply(None)

    def _expiry(self, ttl_s: float | None) -> float | None:
        return None if ttl_s is None else self._powers.clock() + ttl_s
