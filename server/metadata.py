"""What clients are told of capabilities: ``get_capability_metadata``, ``/api/v1/metadata``, ``metadata.changed``.

Each answer carries its revision by content, so who has it already is told just that.
"""

import asyncio
import math

from pydantic import Field
from starlette.responses import Response

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.metadata import Metadata
from mintaka.capabilities.value import CapabilityValue
from mintaka.server.connection import Caller, Reply
from mintaka.server.methods import Params, rpc_method
from mintaka.server.powers import ServerPowers
from mintaka.server.rpc import encode_json
from mintaka.server.sessions import Session, Sessions
from mintaka.server.wire import capability

LOOK_EVERY_S = 2.0
"""Seconds between two looks for changes."""


class MetadataParams(Params):
    """The revision you have, if you want the document; without, you get the list."""

    if_rev: str | None = Field(default=None, max_length=64, description="The `schema_rev` you have, or an empty text")


class MetadataWatch:
    """Tells the connections of whoever asked for metadata when they would be told something else.

    Changes come from other processes, by the clock and from folders of models as well as from calls, so they are looked
    for. A look costs little while nobody who asked is connected, or no capability was made, moved or taken back, no
    model changed and nothing has expired.
    """

    def __init__(self, kernel: Kernel, metadata: Metadata, sessions: Sessions, powers: ServerPowers) -> None:
        self._kernel = kernel
        self._metadata = metadata
        self._sessions = sessions
        self._clock = powers.clock
        self._log = powers.log
        self._told: dict[str, str] = {}
        """The revision that each principal was told first, or last by a notification."""
        self._new: set[str] = set()
        """Who was told while nobody looked."""
        self._seen: tuple[int, str] = (0, "")
        self._expires = math.inf

    def told(self, principal: str, revision: str) -> None:
        """From now on ``principal`` hears when another revision holds."""
        if principal not in self._told:
            self._told[principal] = revision
            self._new.add(principal)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                # A look that fails, for want of the disk for example, must not be the last one.
                self._log.error("metadata_watch", exc_info=error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once."""
        self._told = {name: revision for name, revision in self._told.items() if self._sessions.of(name)}
        new, self._new = self._new & self._told.keys(), set()
        if not self._told:
            return
        concerned = list(self._told) if await asyncio.to_thread(self._changed) else new
        for principal in concerned:
            revision = await asyncio.to_thread(self._revision, principal)
            if self._told.get(principal, revision) != revision:
                self._told[principal] = revision
                for connection in self._sessions.of(principal):
                    connection.notify("metadata.changed", {"revision": revision})

    def _changed(self) -> bool:
        """Whether anything may be another since this was asked last."""
        number, offered = self._seen
        newest, moved = self._kernel.holdings_changed(after=number)
        self._seen = (newest, self._metadata.offered())
        expired = self._clock() >= self._expires
        if expired:
            self._expires = math.inf
        return moved or self._seen[1] != offered or expired

    def _revision(self, principal: str) -> str:
        held = self._kernel.held(principal)
        self._expires = min([self._expires, *(each.expires for each in held if each.expires is not None)])
        return self._metadata.revision(held)


class MetadataMethods:
    """``get_capability_metadata``, and the same over HTTP."""

    def __init__(self, kernel: Kernel, metadata: Metadata, watch: MetadataWatch) -> None:
        self._kernel = kernel
        self._metadata = metadata
        self._watch = watch

    @rpc_method("get_capability_metadata")
    async def get_capability_metadata(self, caller: Caller, params: MetadataParams) -> Reply:
        """What the capabilities you hold will accept: a list of their types, each method with its parameters.

        With `if_rev`, the document for editors: JSON Schemas for each of your capabilities, and their revision; where
        that is the revision you have, `{schema_rev, unchanged: true}`.
        """
        revision, answer = await asyncio.to_thread(self._told, caller.session, params.if_rev)
        self._watch.told(caller.session.principal, revision)
        return Reply(answer)

    def _told(self, session: Session, if_rev: str | None) -> tuple[str, object]:
        """The revision, and what to answer who has revision ``if_rev``."""
        held = self._kernel.held(session.principal)
        if if_rev is None:
            return self._metadata.revision(held), self._metadata.listing(held)
        if if_rev and if_rev == self._metadata.revision(held):
            return if_rev, {"schema_rev": if_rev, "unchanged": True}
        document = self._metadata.document(held)
        for each, told in zip(held, document["capabilities"], strict=True):
            value = CapabilityValue(self._kernel, session.principal, each.id, each.type)
            told["cap"] = capability(session.handles.issue(value), value)
        return document["schema_rev"], document

    def respond(self, principal: str, if_none_match: str) -> Response:
        """The document for a principal, with its revision as ETag; 304 where that is the one they have."""
        held = self._kernel.held(principal)
        etag = f'"{self._metadata.revision(held)}"'
        headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "authorization"}
        if etag in (each.strip().removeprefix("W/") for each in if_none_match.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(encode_json(self._metadata.document(held)), headers=headers, media_type="application/json")
