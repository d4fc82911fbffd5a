"""``mintaka caps`` and ``mintaka users``, as a person meets them."""

import json

import pytest

from tests.server.test_command_line import mintaka


def test_a_link_is_made_seen_and_taken_back(server):
    here = ("--data", server.data)
    made = mintaka(
        "caps",
        "share",
        "diffusers.generate",
        "--max-size",
        64,
        "--compute",
        2,
        "--expires",
        "7d",
        "--label",
        "dan",
        *here,
    )
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip().removeprefix(f"{server.http}/#token=")
    assert token.startswith("mk_")
    guest = mintaka("caps", "list", "--json", "--url", server.url, "--token", token)
    [held] = json.loads(guest.stdout)
    assert (held["restrictions"], held["left"]) == ({"max_height": 64, "max_width": 64}, {"compute": 2})
    assert held["expires"] is not None
    tree = mintaka("caps", "list", *here).stdout
    assert "    c_" in tree
    assert '"dan"  held by owner  {"max_height": 64, "max_width": 64}  2 of 2 compute left  until ' in tree
    assert mintaka("caps", "revoke", "dan", *here).stdout == "2 capabilities ended.\n"
    assert "dan" not in mintaka("caps", "list", *here).stdout
    assert mintaka("caps", "list", "--url", server.url, "--token", token).returncode == 1


def test_a_user_redeems_a_link_and_holds_what_it_gives(server):
    here = ("--data", server.data)
    token = mintaka("users", "add", "eli", *here).stdout.strip()
    as_eli = ("--url", server.url, "--token", token)
    link = mintaka("caps", "share", "diffusers.generate", "--restrict", "seed=[1,5]", "--label", "eli's", *here).stdout
    assert mintaka("caps", "redeem", link.strip(), *as_eli).stdout == "You hold a diffusers.generate.\n"
    assert "held by eli" in mintaka("caps", "list", *as_eli).stdout
    assert "eli" in mintaka("users", "list", *here).stdout
    listed = json.loads(mintaka("token", "list", "--json", *here).stdout)
    [known] = [each for each in listed if each["principal"] == "eli"]
    assert mintaka("token", "revoke", known["id"], *here).returncode == 0
    assert mintaka("caps", "list", *as_eli).returncode == 1


def test_the_audit_log_tells_what_was_done_and_is_whole(server):
    here = ("--data", server.data)
    mintaka("caps", "share", "diffusers.generate", "--label", "audited", *here)
    last = mintaka("caps", "audit", *here).stdout.splitlines()[-1]
    assert "owner" in last
    assert "exported" in last
    entries = [json.loads(line) for line in mintaka("caps", "audit", "--json", *here).stdout.splitlines()]
    assert [each["seq"] for each in entries] == list(range(1, len(entries) + 1))
    after = mintaka("caps", "audit", "--json", "--after", entries[-2]["seq"], *here).stdout
    assert json.loads(after) == entries[-1]
    assert mintaka("caps", "audit", "--verify", *here).stdout == "The audit log is whole.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("share", "nonsense"), "You hold no nonsense"),
        (("share", "diffusers.generate", "--expires", "soon"), "like 7d"),
        (("share", "diffusers.generate", "--restrict", "max_widht=3"), "did you mean `max_width`"),
        (("share", "diffusers.generate", "--restrict", "seed"), "name=JSON"),
        (("share", "diffusers.generate", "--to", "nobody"), "nobody is called `nobody` here"),
        (("revoke", "c_none"), "You hold no c_none"),
        (("redeem", "mk_none"), "no such capability"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(server, arguments, told):
    ended = mintaka("caps", *arguments, "--data", server.data)
    assert ended.returncode == 1
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1
