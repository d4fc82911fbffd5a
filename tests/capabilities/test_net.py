"""Requests go to hosts of the public internet that a capability allows, checked anew at every redirect."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.net import Http, Incoming, Outgoing
from mintaka.capabilities.registry import Registry
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.value import CapabilityValue
from mintaka.runtime.errors import HostFault
from mintaka.server.outbound import send

ADDRESSES = {
    "a.org": ["93.184.216.34"],
    "www.a.org": ["2606:2800:220:1:248:1893:25c8:1946"],
    "b.org": ["151.101.1.69"],
    "inside.org": ["10.0.0.7"],
    "half.org": ["93.184.216.34", "127.0.0.1"],
}


class Internet:
    """Answers by address, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Outgoing] = []
        self.answers: dict[str, Incoming] = {}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return ADDRESSES.get(host, [])

    async def carry(self, request: Outgoing) -> Incoming:
        self.asked.append(request)
        return self.answers.get(f"{request.host}{request.target}", Incoming(200, {}, b"hello"))


@pytest.fixture
def internet() -> Internet:
    return Internet()


@pytest.fixture
def kernel(world: Any, internet: Internet) -> Kernel:
    registry = Registry([Http(internet.resolve, internet.carry)])
    return Kernel(world.database, registry, clock=world.clock, token_bytes=world.random.randbytes, key=bytes(range(32)))


def held(kernel: Kernel, restrictions: object = None, limits: object = None) -> CapabilityValue:
    [root] = [each for each in kernel.bootstrap("ann") if each.type == "net.http"]
    child = kernel.delegate("ann", root.id, Terms(restrictions, limits))
    return CapabilityValue(kernel, "ann", child.id, "net.http")


async def refused(world: Any, cap: CapabilityValue, *args: Any) -> HostFault:
    with pytest.raises(HostFault) as caught:
        await cap.call(world.run(), "request", list(args))
    return caught.value


async def test_an_answer_is_status_headers_and_text(world: Any, kernel: Kernel, internet: Internet) -> None:
    internet.answers["a.org/x?y=1"] = Incoming(404, {"content-type": "text/plain"}, "née".encode())
    answer = await held(kernel).call(world.run(), "request", ["https://A.org/x?y=1#there"])
    assert answer == {"status": 404, "headers": {"content-type": "text/plain"}, "body": "née"}
    [asked] = internet.asked
    assert (asked.scheme, asked.host, asked.address, asked.port) == ("https", "a.org", "93.184.216.34", 443)


async def test_only_allowed_hosts_and_methods_are_asked(world: Any, kernel: Kernel, internet: Internet) -> None:
    cap = held(kernel, {"domains": ["a.org"], "http_methods": ["get"]})
    await cap.call(world.run(), "request", ["https://www.a.org/"])
    assert (await refused(world, cap, "https://b.org/")).data["restriction"] == "domains"
    assert (await refused(world, cap, "https://a.org.b.org/")).kind == "denied"
    assert (await refused(world, cap, "https://a.org/", {"method": "POST"})).data["restriction"] == "http_methods"
    assert len(internet.asked) == 1


@pytest.mark.parametrize("host", ["inside.org", "half.org"])
async def test_no_host_on_the_servers_own_side_is_asked(
    world: Any, kernel: Kernel, internet: Internet, host: str
) -> None:
    assert (await refused(world, held(kernel), f"http://{host}/")).kind == "denied"
    assert internet.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "192.0.2.1", "2001:db8::1",
    ],
)  # fmt: skip
async def test_no_address_that_is_not_public_is_asked(
    world: Any, kernel: Kernel, internet: Internet, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ADDRESSES, "a.org", [address])
    assert (await refused(world, held(kernel), "http://a.org/")).kind == "denied"
    assert internet.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "ftp://a.org/", "file:///etc/passwd",
        "http://user:pass@a.org/", "http://a.org:22/", "http://a.org:99999/", "//a.org/", "a.org", "", "http://",
        "http://a.org/\r\nHost: b.org", "http://a.org\\@b.org/", "http://a org/", "http://a.org:443/",
    ],
)  # fmt: skip
async def test_what_is_no_plain_address_is_refused(world: Any, kernel: Kernel, internet: Internet, url: str) -> None:
    assert (await refused(world, held(kernel), url)).kind == "invalid_params"
    assert internet.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "b.org"}, {"content-length": "1"}, {"x": "a\r\nb"}, {"a b": "c"}, {"": "x"},
        {"Transfer-Encoding": "chunked"},
    ],
)  # fmt: skip
async def test_headers_cannot_change_how_a_request_travels(
    world: Any, kernel: Kernel, internet: Internet, headers: dict[str, str]
) -> None:
    assert (await refused(world, held(kernel), "http://a.org/", {"headers": headers})).kind == "invalid_params"
    assert internet.asked == []


async def test_every_redirect_is_checked_like_the_first(world: Any, kernel: Kernel, internet: Internet) -> None:
    cap = held(kernel, {"domains": ["a.org"]})
    for there, kind in (
        ("http://b.org/", "denied"),
        ("http://169.254.169.254/latest/meta-data", "invalid_params"),
        ("file:///etc/passwd", "invalid_params"),
        ("//b.org/", "denied"),
    ):
        internet.answers["a.org/"] = Incoming(302, {"location": there}, b"")
        assert (await refused(world, cap, "https://a.org/")).kind == kind
    internet.answers["a.org/"] = Incoming(302, {"location": "/next"}, b"")
    assert (await cap.call(world.run(), "request", ["https://a.org/"]))["body"] == "hello"  # type: ignore[index, call-overload]


async def test_secrets_do_not_go_to_another_host(world: Any, kernel: Kernel, internet: Internet) -> None:
    internet.answers["a.org/"] = Incoming(307, {"location": "https://b.org/"}, b"")
    await held(kernel).call(
        world.run(), "request", ["https://a.org/", {"headers": {"Authorization": "x", "accept": "text/plain"}}]
    )
    assert [dict(each.headers) for each in internet.asked] == [
        {"authorization": "x", "accept": "text/plain"},
        {"accept": "text/plain"},
    ]


async def test_redirects_have_an_end(world: Any, kernel: Kernel, internet: Internet) -> None:
    internet.answers["a.org/"] = Incoming(302, {"location": "/"}, b"")
    assert "redirects more than" in (await refused(world, held(kernel), "https://a.org/")).message
    assert len(internet.asked) == 6


async def test_bytes_of_answers_are_paid(world: Any, kernel: Kernel) -> None:
    cap = held(kernel, {"max_bytes": 100}, {"bytes": 104})
    await cap.call(world.run(), "request", ["https://a.org/"])
    assert cap.describe().left == {"bytes": 99}
    assert (await refused(world, cap, "https://a.org/")).kind == "no_budget"


async def test_a_request_goes_to_the_address_that_was_checked_under_the_hosts_name() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    request = Outgoing("GET", "http", "a.org", "127.0.0.1", port, "/x", {"accept": "text/plain"}, b"", 5)
    answer = await send(request)
    assert (answer.status, answer.headers["x-a"], answer.body) == (200, "b", b"hello")
    assert b"GET /x HTTP/1.1\r\n" in seen[0]
    assert b"host: a.org\r\n" in seen[0].lower()
    with pytest.raises(HostFault) as caught:
        await send(Outgoing("GET", "http", "a.org", "127.0.0.1", port, "/x", {}, b"", 4))
    assert caught.value.kind == "limit"
    server.close()
    await server.wait_closed()
    with pytest.raises(HostFault, match="could not be asked"):
        await send(request)
