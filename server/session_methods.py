"""Signing in, and what one may do: ``auth ping get_capability_metadata models.list capabilities.…``."""

import asyncio
from typing import Any

from pydantic import Field

from mintaka.capabilities import metadata
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.value import CapabilityValue
from mintaka.engine.models.folder import ModelFolder
from mintaka.server.connection import POLICY_VIOLATION, Caller, Reply
from mintaka.server.errors import Fault, Kind
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.powers import ServerPowers
from mintaka.server.sessions import Session, Sessions
from mintaka.server.tokens import WRONG_TOKENS_MAX, Tokens, delay_after
from mintaka.server.wire import HANDLE, capability


class AuthParams(Params):
    """The token ``mintaka serve`` prints."""

    token: str = Field(max_length=1024)


class DelegateParams(Params):
    """A capability of yours and how its child is narrowed."""

    cap: Any
    restrictions: dict[str, Any] = Field(default_factory=dict)
    limits: dict[str, Any] = Field(default_factory=dict)
    label: str | None = Field(default=None, max_length=200)
    ttl_s: float | None = Field(default=None, gt=0)


class CapParams(Params):
    """A capability of yours."""

    cap: Any


class SessionMethods:
    """``auth`` and ``ping``."""

    def __init__(self, tokens: Tokens, sessions: Sessions, powers: ServerPowers) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._powers = powers

    @rpc_method("ping", open=True)
    async def ping(self, caller: Caller, params: Nothing) -> Reply:
        """Answer at once."""
        return Reply("pong")

    @rpc_method("auth", open=True)
    async def auth(self, caller: Caller, params: AuthParams) -> Reply:
        """Sign in with a token: who you are, and the name of this session."""
        connection = caller.connection
        principal = self._tokens.principal(params.token)
        if principal is None:
            connection.wrong_tokens += 1
            await asyncio.sleep(delay_after(connection.wrong_tokens))
            if connection.wrong_tokens >= WRONG_TOKENS_MAX:
                connection.close(POLICY_VIOLATION)
            raise Fault(
                Kind.UNAUTHENTICATED,
                "That token is not valid here. `mintaka serve` prints the right one, and keeps it in the file `token` "
                "of the data folder.",
            )
        if connection.session is not None and connection.session.principal != principal:
            raise Fault(Kind.INVALID_REQUEST, "This connection is signed in as somebody else. Open another one.")
        if connection.session is None:
            token_bytes = self._powers.token_bytes
            connection.session = Session(f"s_{token_bytes(12).hex()}", principal, Handles(token_bytes))
            self._sessions.add(principal, connection)
        return Reply({"principal": principal, "session": connection.session.id})


class CapabilityMethods:
    """``capabilities.…``, ``get_capability_metadata`` and ``models.list``."""

    def __init__(self, kernel: Kernel, models: ModelFolder, powers: ServerPowers) -> None:
        self._kernel = kernel
        self._models = models
        self._powers = powers

    @rpc_method("capabilities.list")
    async def list_capabilities(self, caller: Caller, params: Nothing) -> Reply:
        """What you hold, each with its effective restrictions, limits and use."""
        session = caller.session
        held = self._kernel.held(session.principal)
        shown = {each.id: self._shown(session, each) for each in held}
        return Reply(
            [
                {
                    "cap": shown[each.id],
                    **each.to_json(),
                    "parent": shown.get(each.parent or ""),
                    "given": [shown[child.id] for child in held if child.parent == each.id],
                }
                for each in held
            ]
        )

    @rpc_method("capabilities.delegate")
    async def delegate(self, caller: Caller, params: DelegateParams) -> Reply:
        """Make a narrower child of a capability of yours."""
        session = caller.session
        expires = None if params.ttl_s is None else self._powers.clock() + params.ttl_s
        child = self._kernel.delegate(
            session.principal,
            self._resolve(session, params.cap),
            params.restrictions,
            params.limits,
            label=params.label,
            expires=expires,
        )
        return Reply(self._shown(session, child))

    @rpc_method("capabilities.revoke")
    async def revoke(self, caller: Caller, params: CapParams) -> Reply:
        """End a capability and everything made from it; how many those were."""
        session = caller.session
        return Reply({"revoked": self._kernel.revoke(session.principal, self._resolve(session, params.cap))})

    @rpc_method("get_capability_metadata")
    async def get_capability_metadata(self, caller: Caller, params: Nothing) -> Reply:
        """The types you hold a capability of, each method with what that capability will accept."""
        held = self._kernel.held(caller.session.principal)
        return Reply(await asyncio.to_thread(metadata.describe, self._kernel.registry, held))

    @rpc_method("models.list")
    async def list_models(self, caller: Caller, params: Nothing) -> Reply:
        """The models there are, and what each can draw."""
        models = await asyncio.to_thread(self._models.list)
        return Reply([model.model_dump(mode="json", exclude={"path", "latent_rgb", "words"}) for model in models])

    def _shown(self, session: Session, held: Held) -> dict[str, object]:
        value = CapabilityValue(self._kernel, session.principal, held.id, held.type)
        return capability(session.handles.issue(value), value)

    def _resolve(self, session: Session, cap: object) -> str:
        handle = cap.get(HANDLE) if isinstance(cap, dict) else cap
        return session.handles.resolve(handle).id
