"""Wrong tokens are throttled over all connections of an address, and nobody is locked out by a flood from elsewhere."""

import asyncio
import contextlib
import http.client
import json
import sys
import urllib.error
import urllib.request
from random import Random

import pytest
from websockets.asyncio.client import connect

from mintaka.capabilities.principals import PrincipalKind, Principals
from mintaka.server.errors import Fault, Kind
from mintaka.server.throttle import ADDRESSES, ALL_AT_ONCE, AT_ONCE, Throttle, network
from mintaka.server.tokens import Tokens
from mintaka.storage.database import Database


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


def refused(check):
    """The milliseconds to wait, or None where it is let through."""
    try:
        check()
    except Fault as fault:
        return fault.data["retry_after_ms"] if fault.kind is Kind.BUSY else fault.kind
    return None


def be_wrong(throttle, address, times=1):
    for _ in range(times):
        throttle.check(address)
        throttle.wrong(address)


def test_an_address_that_was_wrong_too_often_waits_and_is_told_how_long(throttle, clock):
    be_wrong(throttle, "10.0.0.1", AT_ONCE)
    assert refused(lambda: throttle.check("10.0.0.1")) == 1000
    clock.now += 0.4
    assert refused(lambda: throttle.check("10.0.0.1")) == 600
    clock.now += 0.6
    be_wrong(throttle, "10.0.0.1")
    assert refused(lambda: throttle.check("10.0.0.1")) == 1000


def test_whoever_waited_long_enough_is_as_if_never_wrong(throttle, clock):
    be_wrong(throttle, "10.0.0.1", AT_ONCE)
    clock.now += AT_ONCE
    be_wrong(throttle, "10.0.0.1", AT_ONCE)


def test_a_flood_from_one_address_is_nothing_to_another(throttle):
    be_wrong(throttle, "10.0.0.1", AT_ONCE)
    assert refused(lambda: throttle.check("10.0.0.2")) is None


def test_a_flood_from_everywhere_leaves_each_address_one_look(throttle, clock):
    for number in range(ALL_AT_ONCE):
        be_wrong(throttle, f"10.0.{number // 250}.{number % 250}")
    assert refused(lambda: throttle.check("10.0.0.7")) == 1000
    assert refused(lambda: throttle.check("10.9.9.9")) is None
    throttle.wrong("10.9.9.9")
    assert refused(lambda: throttle.check("10.9.9.9")) == 1000
    clock.now += 30
    be_wrong(throttle, "10.0.0.7", AT_ONCE)


def test_of_a_flood_from_everywhere_no_more_is_remembered_than_that(throttle):
    for number in range(ADDRESSES + 500):
        throttle.wrong(f"10.{number // 62500}.{number // 250 % 250}.{number % 250}")
    assert len(throttle) == ADDRESSES


def test_a_clock_that_is_set_back_bars_nobody_for_long(throttle, clock):
    be_wrong(throttle, "10.0.0.1", AT_ONCE)
    for number in range(ALL_AT_ONCE):
        throttle.wrong(f"10.1.{number // 250}.{number % 250}")
    clock.now -= 900
    assert refused(lambda: throttle.check("10.0.0.1")) == 1000 * AT_ONCE  # as crowded as it can be, and no more
    clock.now += AT_ONCE
    assert refused(lambda: throttle.check("10.0.0.1")) is None


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_is_what_one_customer_has(address, counts_as):
    assert network(address) == counts_as


def test_a_token_that_was_right_before_is_looked_at_wherever_it_comes_from(throttle, clock):
    principals = Principals(Database("sqlite://"), clock=clock, token_bytes=Random(1).randbytes)
    principals.create("bob", PrincipalKind.USER)
    (kept, known), (_, unknown) = principals.issue("bob", "laptop"), principals.issue("bob", "phone")
    tokens = Tokens("owner's", principals, throttle)
    assert tokens.principal(known, "10.0.0.1") == "bob"
    for number in range(AT_ONCE):
        assert tokens.sign_in(f"wrong {number}", "10.0.0.1") is None
    assert refused(lambda: tokens.sign_in("wrong", "10.0.0.1")) == 1000
    assert refused(lambda: tokens.sign_in(unknown, "10.0.0.1")) == 1000  # from the very address of the flood
    assert tokens.principal(known, "10.0.0.1") == "bob"
    assert tokens.principal("owner's", "10.0.0.1") == "owner"
    assert tokens.principal(unknown, "10.0.0.2") == "bob"
    principals.revoke_token(kept.id)
    assert tokens.sign_in(known, "10.0.0.3") is None
    assert refused(lambda: tokens.sign_in(known, "10.0.0.1")) is not None


def test_the_tokens_that_were_right_are_remembered_up_to_a_number(throttle, clock, monkeypatch):
    monkeypatch.setattr("mintaka.server.tokens.KNOWN", 3)
    principals = Principals(Database("sqlite://"), clock=clock, token_bytes=Random(1).randbytes)
    principals.create("bob", PrincipalKind.USER)
    tokens = Tokens("owner's", principals, throttle)
    for _ in range(5):
        assert tokens.principal(principals.issue("bob", "laptop")[1], "10.0.0.1") == "bob"
    assert len(tokens._known) == 3


# Over the wire. Linux answers on all of 127.0.0.0/8, so that one machine can come from several addresses.

needs_addresses = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


@contextlib.asynccontextmanager
async def signing_in(server, token, address):
    async with connect(server.url, compression=None, proxy=None, local_addr=(address, 0)) as socket:
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "auth", "params": {"token": token}}))
        answer = json.loads(await socket.recv())
        yield socket, answer.get("result", answer.get("error"))


async def answers(server, token, address, connections):
    async def one():
        async with signing_in(server, token, address) as (_, answer):
            return answer

    return await asyncio.gather(*(one() for _ in range(connections)))


@needs_addresses
@pytest.mark.parametrize(
    ("wrong", "address"), [("wrong", "127.0.0.2"), ("mk_wrong", "127.0.0.3")], ids=["token", "link"]
)
async def test_connections_of_one_address_are_throttled_together_and_those_of_others_are_not(server, wrong, address):
    told = await answers(server, wrong, address, 2 * AT_ONCE)
    refusals = [each for each in told if each["data"]["kind"] == "busy"]
    assert {each["data"]["kind"] for each in told} == {"unauthenticated", "busy"}
    assert len(told) - len(refusals) >= AT_ONCE
    assert all(each["code"] == -32053 and 0 < each["data"]["retry_after_ms"] <= 1000 for each in refusals)
    [elsewhere] = await answers(server, wrong, "127.0.0.4", 1)
    assert elsewhere["data"]["kind"] == "unauthenticated"
    async with signing_in(server, server.token, address) as (owner, answer):
        assert answer["principal"] == "owner"
        params = {"name": f"user-of-{address}"}
        await owner.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "principals.create", "params": params}))
        made = json.loads(await owner.recv())["result"]
    [signed_in] = await answers(server, made["token"], "127.0.0.5", 1)
    assert signed_in["principal"] == params["name"]
    again = await answers(server, made["token"], address, 3)  # known by now
    assert {each["principal"] for each in again} == {params["name"]}


@needs_addresses
async def test_over_http_too_a_refusal_says_when_to_come_again(server):
    def ask(token):
        request = urllib.request.Request(f"{server.http}/api/v1/metadata", headers={"Authorization": f"Bearer {token}"})
        opener = urllib.request.build_opener(FromAddress)
        try:
            with opener.open(request) as answer:
                return answer.status, None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["retry-after"]

    told = [await asyncio.to_thread(ask, f"wrong {number}") for number in range(3 * AT_ONCE)]
    assert told[:AT_ONCE] == [(401, None)] * AT_ONCE
    assert set(told[AT_ONCE:]) <= {(401, None), (429, "1")}  # one may be free again by then, where that took long
    assert (429, "1") in told
    assert await asyncio.to_thread(ask, server.token) == (200, None)


class FromAddress(urllib.request.HTTPHandler):
    """Come from an address of one's own."""

    def http_open(self, request):
        def connection(host, **options):
            return http.client.HTTPConnection(host, source_address=("127.0.0.6", 0), **options)

        return self.do_open(connection, request)
