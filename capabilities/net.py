"""The type ``net.http``: requests to hosts on the internet, and to nothing on the server's own side of it.

A host's name is resolved once, every address it has must be one of the public internet, and the request goes to an
address that was checked: a name that means something else a moment later changes nothing. Each redirect is a request
of its own, checked like the first.
"""

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol
from urllib.parse import urljoin, urlsplit

from mintaka.capabilities.arguments import Options, option
from mintaka.capabilities.order import Allowed, AtMost
from mintaka.capabilities.places import Domains, host_labels
from mintaka.capabilities.registry import Effect, capability, method
from mintaka.capabilities.restrictions import Restrictions, restriction
from mintaka.capabilities.use import Use
from mintaka.capabilities.widgets import Phase, Widget
from mintaka.runtime.errors import HostFault
from mintaka.runtime.values import Value

MOST_BYTES = 1 << 20
"""The largest answer that is taken."""

MOST_REDIRECTS = 5
PATIENCE_S = 30.0
"""Seconds for a request with all its redirects."""

_PORTS = {"http": 80, "https": 443}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_REDIRECTS = (301, 302, 303, 307, 308)
_OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer"})
"""Headers that say how a request travels; who could set them could make one request look like two."""

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that a redirect to another host does not get."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host's name."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to one address: ``host`` is the name it is for, ``most`` how many bytes of an answer are taken."""

    method: str
    scheme: str
    host: str
    address: str
    port: int
    target: str
    headers: Mapping[str, str]
    body: bytes
    most: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What carries a request to an address. Raises HostFault where it cannot."""

    async def __call__(self, request: Outgoing) -> Incoming:
        """The answer."""
        ...


class HttpRestrictions(Restrictions):
    """What requests can be restricted to."""

    domains: Domains = restriction("Only these hosts and what lies under them")
    http_methods: Allowed = restriction("Only these HTTP methods", normal=str.upper)
    max_bytes: AtMost = restriction("Largest answer", unit="bytes", least=1)


class RequestOptions(Options):
    """How to ask."""

    method: str = option(
        "GET",
        label="Method",
        help="What to do with what is there.",
        choices=_METHODS,
        narrowed_by="http_methods",
        max_length=10,
        phase=Phase.INPUT,
    )
    headers: dict[str, str] = option({}, label="Headers", help="Further headers of the request.", phase=Phase.INPUT)
    body: str = option(
        "",
        label="Body",
        help="What to send, as text.",
        max_length=MOST_BYTES,
        widget=Widget.PROSE,
        phase=Phase.INPUT,
        visible_if={"method": ("POST", "PUT", "PATCH")},
    )


@capability("net.http", label="HTTP requests", restrictions=HttpRestrictions)
class Http:
    """Ask hosts on the internet."""

    def __init__(self, resolve: Resolve, transport: Transport) -> None:
        self._resolve = resolve
        self._transport = transport

    @method(
        effects=Effect.WRITES, label="Request", cost="bytes(result)", cancellable=True, errors=("unsupported", "limit")
    )
    async def request(
        self, use: Use, url: Annotated[str, "http:// or https://"], options: RequestOptions
    ) -> "dict[str, Value]":
        """Send a request and give the answer as `{status headers body}`; redirects are followed."""
        name = options.method.upper()
        if name not in _METHODS:
            raise _unfit(f"`{options.method}` is no method here", f"use {', '.join(_METHODS)}")
        headers = {_header(key): _plain(value) for key, value in options.headers.items()}
        body, most = options.body.encode(), min(MOST_BYTES, use.restrictions.get("max_bytes") or MOST_BYTES)
        where = _Url.parse(url)
        asked = {"domains": where.host, "http_methods": name}
        with use.admitted(asked, {"uses": 1, "bytes": most}) as call:
            if call.outcome is not None:
                return dict(json.loads(call.outcome))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    for _ in range(MOST_REDIRECTS + 1):
                        answer = await self._ask(use, where, name, headers, body, most)
                        location = answer.headers.get("location")
                        if answer.status not in _REDIRECTS or location is None:
                            spent = {"bytes": len(answer.body)}
                            try:
                                told = _told(answer)
                            except HostFault:
                                call.settle(spent)
                                raise
                            call.settle(spent, outcome=json.dumps(told))
                            return told
                        there = _Url.parse(urljoin(where.text, location))
                        if answer.status == 303 or (answer.status in (301, 302) and name == "POST"):
                            name, body = "GET", b""
                        if there.origin != where.origin:
                            headers = {key: value for key, value in headers.items() if key not in _SECRET_HEADERS}
                        where = there
            except TimeoutError:
                raise _failed(f"{where.host} did not answer within {PATIENCE_S:g} s") from None
        raise _failed(f"{where.host} redirects more than {MOST_REDIRECTS} times")

    async def _ask(
        self, use: Use, where: "_Url", name: str, headers: Mapping[str, str], body: bytes, most: int
    ) -> Incoming:
        use.permit(domains=where.host, http_methods=name)
        addresses = await self._resolve(where.host, where.port)
        if not addresses:
            raise _failed(f"there is no host `{where.host}`")
        if not all(map(_is_public, addresses)):
            raise HostFault(f"`{where.host}` is not on the public internet", kind="denied", hint="ask a host that is")
        return await self._transport(
            Outgoing(name, where.scheme, where.host, addresses[0], where.port, where.target, headers, body, most)
        )


@dataclass(frozen=True, slots=True)
class _Url:
    """An address taken apart, and only so far as it is plain."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> "_Url":
        """Take ``text`` apart. Raises HostFault ``invalid_params`` for what is no plain address."""
        advice = "write it as https://example.org/path, with a name and not a number for the host"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise _unfit(f"`{text[:100]}` is no address", advice) from None
        labels = host_labels(parts.hostname or "")
        strange = any(ord(char) <= 32 or ord(char) == 127 for char in text) or "\\" in text
        if parts.scheme not in _PORTS or labels is None or "@" in parts.netloc or strange:
            raise _unfit(f"`{text[:100]}` is no address that can be asked", advice)
        usual = _PORTS[parts.scheme]
        if port not in (None, usual):
            raise _unfit(f"port {port} cannot be asked", f"leave it out; {parts.scheme} is asked at {usual}")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, ".".join(reversed(labels)), usual, target)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom it belongs to."""
        return self.scheme, self.host, self.port

    @property
    def text(self) -> str:
        """The address again."""
        return f"{self.scheme}://{self.host}{self.target}"


def _is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also where it carries another inside it."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo and parsed.teredo[1])
        # 64:ff9b::/96 is how IPv6 networks reach IPv4 addresses (RFC 6052).
        if inner is None and parsed in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner and not _is_public(str(inner)):
            return False
    return parsed.is_global and not parsed.is_multicast


def _header(name: str) -> str:
    plain = name.lower()
    if plain in _OWN_HEADERS or not re.fullmatch(r"[a-z0-9_-]+", plain):
        raise _unfit(f"the header `{name[:50]}` cannot be set", "leave it out")
    return plain


def _plain(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise _unfit("the value of a header is plain text in one line", "leave out what is not ASCII")
    return value


def _told(answer: Incoming) -> "dict[str, Value]":
    headers: dict[str, Value] = dict(answer.headers)
    try:
        return {"status": answer.status, "headers": headers, "body": answer.body.decode()}
    except UnicodeDecodeError:
        raise _failed("the answer is no text in UTF-8") from None


def _unfit(message: str, hint: str) -> HostFault:
    return HostFault(message, kind="invalid_params", hint=hint)


def _failed(message: str) -> HostFault:
    return HostFault(message, kind="unsupported", hint="try again later, or ask another host")
