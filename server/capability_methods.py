"""What one may do: ``capabilities.… get_capability_metadata models.list``."""

import asyncio
from typing import Any

from pydantic import Field

from mintaka.capabilities.held import Held
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.engine.models.folder import ModelFolder
from mintaka.server.connection import Caller, Reply
from mintaka.server.methods import Nothing, Params, rpc_method
from mintaka.server.powers import ServerPowers
from mintaka.server.sessions import Session
from mintaka.server.wire import HANDLE, capability

ALLOWED_MODELS = "allowed_models"
"""The restriction that says which models may be used, in every type that uses models."""


class CapParams(Params):
    """A capability of yours."""

    cap: Any


class DelegateParams(CapParams):
    """A capability of yours and how its child is narrowed."""

    restrictions: dict[str, Any] = Field(default_factory=dict)
    limits: dict[str, Any] = Field(default_factory=dict)
    label: str | None = Field(default=None, max_length=200)
    ttl_s: float | None = Field(default=None, gt=0, description="Seconds until it expires")

    def terms(self, now: float) -> Terms:
        """The child's terms, where it is made at ``now``."""
        return Terms(self.restrictions, self.limits, self.label, None if self.ttl_s is None else now + self.ttl_s)


class ShareParams(DelegateParams):
    """A capability of yours, how its child is narrowed, and who is to hold that."""

    to: str = Field(max_length=200, description="The name of a principal")


class ExportParams(DelegateParams):
    """A capability of yours, how its child is narrowed, and how often the link to that can be redeemed."""

    uses: int | None = Field(default=None, gt=0, description="How often it can be redeemed; without, any number")


class GiveParams(CapParams):
    """A capability of yours and who is to hold it instead."""

    to: str = Field(max_length=200, description="The name of a principal")


class RedeemParams(Params):
    """The token of a share link."""

    token: str = Field(max_length=1024)


class AuditParams(Params):
    """Which entries."""

    after: int = Field(default=0, ge=0, description="The number of the last entry known")
    count: int = Field(default=1000, ge=1, le=10_000, description="The most to tell")


class CapabilityMethods:
    """``capabilities.…``, ``get_capability_metadata`` and ``models.list``."""

    def __init__(self, kernel: Kernel, models: ModelFolder, powers: ServerPowers, address: str) -> None:
        self._kernel = kernel
        self._models = models
        self._powers = powers
        self._address = address

    @rpc_method("capabilities.list")
    async def list_capabilities(self, caller: Caller, params: Nothing) -> Reply:
        """What you hold, and what others hold of it: each with its effective restrictions, limits, use and holder."""
        session = caller.session
        held, given = self._kernel.held(session.principal), self._kernel.given(session.principal)
        shown = {each.id: self._shown(session, each) for each in (*held, *given)}
        return Reply(
            [
                {
                    "cap": shown[each.id],
                    **each.to_json(),
                    "parent": shown.get(each.parent or each.mint or ""),
                    "given": [shown[child.id] for child in (*held, *given) if each.id in (child.parent, child.mint)],
                }
                for each in (*held, *given)
            ]
        )

    @rpc_method("capabilities.delegate")
    async def delegate(self, caller: Caller, params: DelegateParams) -> Reply:
        """Make a narrower child of a capability of yours."""
        session = caller.session
        child = self._kernel.delegate(
            session.principal,
            self._resolve(session, params.cap),
            params.terms(self._powers.clock()),
        )
        return Reply(self._shown(session, child))

    @rpc_method("capabilities.share")
    async def share(self, caller: Caller, params: ShareParams) -> Reply:
        """Make a narrower child of a capability of yours for somebody else to hold; you can revoke it."""
        session = caller.session
        child = self._kernel.share(
            session.principal,
            self._resolve(session, params.cap),
            params.to,
            params.terms(self._powers.clock()),
        )
        return Reply(self._shown(session, child))

    @rpc_method("capabilities.give")
    async def give(self, caller: Caller, params: GiveParams) -> Reply:
        """Hand a capability of yours over to somebody else; you hold it no longer."""
        session = caller.session
        self._kernel.give(session.principal, self._resolve(session, params.cap), params.to)
        return Reply(None)

    @rpc_method("capabilities.export")
    async def export(self, caller: Caller, params: ExportParams) -> Reply:
        """Make a share link to a narrower child of a capability of yours: who opens it holds a part of that child."""
        session = caller.session
        child, token = self._kernel.export(
            session.principal,
            self._resolve(session, params.cap),
            params.terms(self._powers.clock()),
            redemptions=params.uses,
        )
        return Reply({"token": token, "link": f"{self._address}/#token={token}", "cap": self._shown(session, child)})

    @rpc_method("capabilities.redeem")
    async def redeem(self, caller: Caller, params: RedeemParams) -> Reply:
        """Take what a share link gives: a capability of your own."""
        session = caller.session
        return Reply(self._shown(session, self._kernel.redeem(session.principal, params.token)))

    @rpc_method("capabilities.drop")
    async def drop(self, caller: Caller, params: CapParams) -> Reply:
        """Give up a capability of yours; it ends, with everything made from it."""
        session = caller.session
        return Reply({"dropped": self._kernel.drop(session.principal, self._resolve(session, params.cap))})

    @rpc_method("capabilities.revoke")
    async def revoke(self, caller: Caller, params: CapParams) -> Reply:
        """End a capability and everything made from it; how many those were."""
        session = caller.session
        return Reply({"revoked": self._kernel.revoke(session.principal, self._resolve(session, params.cap))})

    @rpc_method("capabilities.audit")
    async def audit(self, caller: Caller, params: AuditParams) -> Reply:
        """The audit log, for the owner: who did what with which capability, the oldest first."""
        caller.require_owner()
        return Reply([each.to_json() for each in self._kernel.audit(params.after, params.count)])

    @rpc_method("capabilities.verify_audit")
    async def verify_audit(self, caller: Caller, params: Nothing) -> Reply:
        """Whether the audit log is what was written, for the owner: the number of the first entry that is not."""
        caller.require_owner()
        return Reply({"broken_at": await asyncio.to_thread(self._kernel.audit_broken_at)})

    @rpc_method("models.list")
    async def list_models(self, caller: Caller, params: Nothing) -> Reply:
        """The models that one of your capabilities lets you use, and what each can draw."""
        held = self._kernel.held(caller.session.principal)
        bounds = {each.restrictions for each in held if ALLOWED_MODELS in each.restrictions.rules}
        models = [
            model
            for model in await asyncio.to_thread(self._models.list)
            if any(each.permits(ALLOWED_MODELS, model.id) for each in bounds)
        ]
        return Reply([model.model_dump(mode="json", exclude={"path", "latent_rgb", "words"}) for model in models])

    def _shown(self, session: Session, held: Held) -> dict[str, object]:
        value = CapabilityValue(self._kernel, session.principal, held.id, held.type)
        return capability(session.handles.issue(value), value)

    def _resolve(self, session: Session, cap: object) -> str:
        handle = cap.get(HANDLE) if isinstance(cap, dict) else cap
        return session.handles.resolve(handle).id
