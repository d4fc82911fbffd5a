import random

import pytest

from mintaka.capabilities.principals import PrincipalKind, Principals
from mintaka.server.binding import PortFault, bind
from mintaka.server.gate import local_names
from mintaka.server.throttle import Throttle
from mintaka.server.tokens import Tokens, delay_after
from mintaka.storage.database import Database


def test_a_token_names_its_principal_and_nothing_else_does():
    principals = Principals(Database("sqlite://"), clock=lambda: 0.0, token_bytes=random.Random(1).randbytes)
    principals.create("bob", PrincipalKind.USER)
    _, secret = principals.issue("bob", "laptop")
    tokens = Tokens("abc", principals, Throttle(lambda: 0.0))
    assert tokens.principal("abc", "here") == "owner"
    assert tokens.principal(secret, "here") == "bob"
    for wrong in ("", "ab", "abcd", "ABC", "\ud800", secret[:-1]):
        assert tokens.principal(wrong, "here") is None


def test_each_wrong_token_waits_longer_up_to_a_most():
    delays = [delay_after(wrong) for wrong in range(1, 10)]
    assert delays == sorted(delays)
    assert delays[0] < 0.2
    assert delays[-1] == 2.0


def test_a_local_server_answers_to_its_own_names_only():
    hosts, origins = local_names("127.0.0.1", 8321)
    assert hosts == ("127.0.0.1:8321", "localhost:8321", "[::1]:8321")
    assert origins == ("http://127.0.0.1:8321", "http://localhost:8321", "http://[::1]:8321")


def test_listening_everywhere_adds_no_name():
    assert local_names("0.0.0.0", 1)[0] == local_names("127.0.0.1", 1)[0]


def test_a_named_address_is_a_name():
    assert "10.0.0.7:8321" in local_names("10.0.0.7", 8321)[0]


def test_port_0_picks_a_free_port():
    with bind("127.0.0.1", 0) as bound:
        assert bound.getsockname()[1] > 0


def test_a_port_in_use_is_refused_with_what_to_do():
    with bind("127.0.0.1", 0) as bound, pytest.raises(PortFault, match=r"Port \d+ of 127\.0\.0\.1 is in use.*--port"):
        bind("127.0.0.1", bound.getsockname()[1])


def test_an_address_of_another_machine_is_refused_with_what_to_do():
    with pytest.raises(PortFault, match="--host"):
        bind("203.0.113.1", 0)
