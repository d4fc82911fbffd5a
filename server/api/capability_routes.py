"""``/api/v1/capabilities``, ``/api/v1/metadata`` and ``/api/v1/models``: what one may do, and hand on."""

import asyncio
from typing import Any, Literal

from pydantic import ConfigDict, Field

from mintaka.server.api.narrowing import without
from mintaka.server.api.operations import REST, Body, Call, Shown, operation
from mintaka.server.capability_methods import (
    CapabilityMethods,
    CapParams,
    DelegateParams,
    ExportParams,
    GiveParams,
    RedeemParams,
    ShareParams,
)
from mintaka.server.metadata import MetadataMethods
from mintaka.server.methods import Nothing


class CapabilityReference(Shown):
    """A capability by its name; it gives nothing to whoever does not hold it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    type: str


class Capability(Shown):
    """A capability that you hold, or that others hold of yours."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    type: str
    label: str | None
    restrictions: dict[str, Any] = Field(description="What it permits, taken together with all it was made from")
    limits: dict[str, Any]
    used: dict[str, Any]
    left: dict[str, Any]
    holder: str
    issuer: str
    expires: float | None = Field(description="Seconds since the epoch")


class Link(Shown):
    """A share link."""

    token: str = Field(description="Told this once")
    link: str
    cap: CapabilityReference


class Revoked(Shown):
    """How many capabilities ended."""

    revoked: int


class Model(Shown):
    """A model that you may use."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    title: str
    description: str


class CapabilitiesQuery(Body):
    """Which of them."""

    of: Literal["held", "given"] | None = Field(default=None, description="Those you hold, or those others hold")


Terms = without(DelegateParams, "cap", called="Terms")
Share = without(ShareParams, "cap", called="Share")
Give = without(GiveParams, "cap", called="Give")
Export = without(ExportParams, "cap", called="Export")


class CapabilityRoutes:
    """``/api/v1/capabilities``, ``/api/v1/metadata`` and ``/api/v1/models``."""

    def __init__(self, methods: CapabilityMethods, metadata: MetadataMethods) -> None:
        self._methods = methods
        self._metadata = metadata

    @operation("GET", "/api/v1/metadata", face=REST, tag="Capabilities", answer=dict[str, Any])
    async def metadata(self, call: Call) -> object:
        """What your capabilities will accept, as JSON Schemas; its ETag is its revision.

        With `If-None-Match` it is answered only where it is another.
        """
        known = call.request.headers.get("if-none-match", "")
        return await asyncio.to_thread(self._metadata.respond, call.principal, known)

    @operation("GET", "/api/v1/models", face=REST, tag="Models", answer=list[Model])
    async def models(self, call: Call) -> object:
        """The models that one of your capabilities lets you use, and what each can draw."""
        return (await self._methods.list_models(call.caller, Nothing())).result

    @operation(
        "GET",
        "/api/v1/capabilities",
        face=REST,
        tag="Capabilities",
        answer=list[Capability],
        query=CapabilitiesQuery,
    )
    async def list_capabilities(self, call: Call) -> object:
        """What you hold, and what others hold of it: each with its restrictions, limits, use and holder."""
        told = (await self._methods.list_capabilities(call.caller, Nothing())).result
        assert isinstance(told, list)
        if call.query.of is None:
            return told
        return [each for each in told if (each["holder"] == call.principal) == (call.query.of == "held")]

    @operation(
        "POST",
        "/api/v1/capabilities/{cap}/delegate",
        face=REST,
        tag="Capabilities",
        answer=CapabilityReference,
        status=201,
        body=Terms,
        optional_body=True,
    )
    async def delegate(self, call: Call) -> object:
        """Make a narrower child of a capability of yours, for yourself to hold."""
        return (await self._methods.delegate(call.caller, DelegateParams(**_given(call)))).result

    @operation(
        "POST",
        "/api/v1/capabilities/{cap}/share",
        face=REST,
        tag="Capabilities",
        answer=CapabilityReference,
        status=201,
        body=Share,
    )
    async def share(self, call: Call) -> object:
        """Make a narrower child of a capability of yours for somebody else to hold; you can revoke it."""
        return (await self._methods.share(call.caller, ShareParams(**_given(call)))).result

    @operation("POST", "/api/v1/capabilities/{cap}/give", face=REST, tag="Capabilities", answer=None, body=Give)
    async def give(self, call: Call) -> object:
        """Hand a capability of yours over to somebody else; you hold it no longer."""
        return (await self._methods.give(call.caller, GiveParams(**_given(call)))).result

    @operation(
        "POST",
        "/api/v1/capabilities/{cap}/export",
        face=REST,
        tag="Capabilities",
        answer=Link,
        status=201,
        body=Export,
        optional_body=True,
    )
    async def export(self, call: Call) -> object:
        """Make a share link to a narrower child of a capability of yours."""
        return (await self._methods.export(call.caller, ExportParams(**_given(call)))).result

    @operation(
        "POST",
        "/api/v1/capabilities/redeem",
        face=REST,
        tag="Capabilities",
        answer=CapabilityReference,
        status=201,
        body=RedeemParams,
    )
    async def redeem(self, call: Call) -> object:
        """Take what a share link gives: a capability of your own."""
        return (await self._methods.redeem(call.caller, call.body)).result

    @operation("DELETE", "/api/v1/capabilities/{cap}", face=REST, tag="Capabilities", answer=Revoked)
    async def revoke(self, call: Call) -> object:
        """End a capability and everything made from it; how many those were."""
        return (await self._methods.revoke(call.caller, CapParams(cap=call.path["cap"]))).result


def _given(call: Call) -> dict[str, Any]:
    return {"cap": call.path["cap"], **call.body.model_dump(exclude_unset=True)}
