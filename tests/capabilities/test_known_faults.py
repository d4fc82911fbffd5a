"""Faults that systems like this one have had, ViwoScript's among them. Each is tried here, from where it was used.

The rules behind most of them have tests of their own beside what they are rules of; this page is for whoever wants to
see that none of the known ways leads in.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mintaka import stdlib
from mintaka.capabilities import ops as capability_ops
from mintaka.capabilities.files import Folders, ReadFiles, WriteFiles
from mintaka.capabilities.grant import Grant
from mintaka.capabilities.handles import Handles
from mintaka.capabilities.kernel import Kernel
from mintaka.capabilities.minting import Mint
from mintaka.capabilities.net import Http, Incoming, Outgoing
from mintaka.capabilities.principals import PrincipalKind, Principals
from mintaka.capabilities.registry import Effect, Registry, capability, method
from mintaka.capabilities.terms import Terms
from mintaka.capabilities.use import Use
from mintaka.capabilities.value import CapabilityValue
from mintaka.lang.checker import check
from mintaka.lang.parser import parse
from mintaka.runtime.budget import Budget
from mintaka.runtime.compiler import compile_tree
from mintaka.runtime.errors import HostFault, ScriptError
from mintaka.runtime.execute import execute
from mintaka.runtime.ops import OpTable
from mintaka.runtime.powers import Powers
from mintaka.server.throttle import Throttle
from mintaka.server.tokens import Tokens
from mintaka.storage.folders import Folder

OPS = OpTable.of(*stdlib.modules, capability_ops)


@capability("user.1.notes", label="Notes of user 1")
class First:
    """Notes."""

    @method(effects=Effect.PURE)
    async def read(self, use: Use) -> str:
        """Read them."""
        return "of user 1"


@capability("user.10.notes", label="Notes of user 10")
class Tenth:
    """Notes."""

    @method(effects=Effect.PURE)
    async def read(self, use: Use) -> str:
        """Read them."""
        return "of user 10"


class Outside:
    """An internet in which every host is at a public address, and answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    async def carry(self, request: Outgoing) -> Incoming:
        self.asked.append(request.host)
        return Incoming(200, {}, b"hello")


@pytest.fixture
def place(world: Any, tmp_path: Path) -> Any:
    """A kernel with folders, an internet and notes, and scripts that run on it."""
    folder = tmp_path / "files"
    for name in ("a", "a-secret"):
        (folder / name).mkdir(parents=True)
        (folder / name / "text").write_text(name)
    (folder / "a" / "door").symlink_to(folder / "a-secret")
    (folder / "a" / "peep").symlink_to(folder / "a-secret" / "text")
    folders, outside = Folders({"files": Folder(folder)}), Outside()
    types = [Mint(), First(), Tenth(), ReadFiles(folders), WriteFiles(folders), Http(outside.resolve, outside.carry)]
    bits = world.random.randbytes
    kernel = Kernel(world.database, Registry(types), clock=world.clock, token_bytes=bits, key=b"k" * 32)

    def held(type: str, restrictions: object = None, limits: object = None) -> CapabilityValue:
        root = next(each for each in kernel.bootstrap("ann") if each.type == type)
        child = kernel.delegate("ann", root.id, Terms(restrictions, limits))
        return CapabilityValue(kernel, "ann", child.id, type)

    async def run(source: str, *caps: CapabilityValue) -> Any:
        grant = Grant(kernel, "ann", [each.id for each in caps])
        powers = Powers(world.clock, world.random, lambda kind, data: None, {Grant: grant})
        return (await execute(compile_tree(parse(source), OPS), budget=Budget(), powers=powers)).value

    return SimpleNamespace(kernel=kernel, held=held, run=run, outside=outside)


async def kind_of(place: Any, source: str, *caps: CapabilityValue) -> str:
    with pytest.raises(ScriptError) as caught:
        await place.run(source, *caps)
    return caught.value.kind


async def test_a_namespace_is_whole_segments_so_user_1_mints_nothing_of_user_10(place: Any) -> None:
    power = place.held("sys.mint", {"namespace": "user.1"})
    mint = '(let notes (mint (get-capability "sys.mint") "{}")) (notes.read)'
    assert await place.run(mint.format("user.1.notes"), power) == "of user 1"
    assert await kind_of(place, mint.format("user.10.notes"), power) == "denied"


async def test_nothing_hands_a_capability_on_but_the_ops_that_check_it(place: Any) -> None:
    bound = place.held("user.1.notes", {"no_delegate": True})
    notes = '(let notes (get-capability "user.1.notes")) '
    for name in ("delegate", "share", "give", "export", "mint", "revoke", "describe", "call", "kernel", "holder", "id"):
        assert await kind_of(place, notes + f'(call-method notes "{name}")', bound) == "method_not_found"
    for deed in ("delegate notes", 'share-capability notes "ann"', "export-capability notes"):
        assert await kind_of(place, f"{notes} ({deed})", bound) == "denied"


async def test_a_path_is_whole_components_and_no_dots_or_links_lead_beside_it(place: Any) -> None:
    read, write = place.held("fs.read", {"path": "files/a"}), place.held("fs.write", {"path": "files/a"})
    reading = '(let f (get-capability "fs.read")) (f.read "{}")'
    assert await place.run(reading.format("files/a/text"), read) == "a"
    for path in ("files/a-secret/text", "files/a/../a-secret/text", "files/a/./../a-secret/text", "files"):
        assert await kind_of(place, reading.format(path), read) == "denied"
    for path in ("files/a/door/text", "files/a/peep"):
        assert await kind_of(place, reading.format(path), read) == "invalid_params"
    writing = '(let f (get-capability "fs.write")) (f.write "{}" "mine")'
    assert await kind_of(place, writing.format("files/a-secret/text"), write) == "denied"
    await kind_of(place, writing.format("files/a/door/text"), write)
    secret = place.held("fs.read", {"path": "files/a-secret"})
    assert await place.run(reading.format("files/a-secret/text"), secret) == "a-secret"


async def test_a_domain_is_whole_labels_and_never_an_address(place: Any) -> None:
    web = place.held("net.http", {"domains": ["good.org"]})
    asking = '(let web (get-capability "net.http")) (web.request "http://{}/")'
    await place.run(asking.format("www.good.org"), web)
    for host in ("evilgood.org", "good.org.evil.com", "good.or"):
        assert await kind_of(place, asking.format(host), web) == "denied"
    for host in ("127.0.0.1", "[::1]", "2130706433", "0x7f.1", "good.org@127.0.0.1", "93.184.216.34"):
        assert await kind_of(place, asking.format(host), web) in ("denied", "invalid_params")
    for bound in ("127.0.0.1", "org", "[::1]"):
        with pytest.raises(HostFault, match="domains"):
            place.held("net.http", {"domains": [bound]})
    assert place.outside.asked == ["www.good.org"]


@pytest.mark.parametrize(
    "name", ["kernel", "run", "use", "self", "os", "open", "__builtins__", "globals", "print", "Grant"]
)
async def test_a_name_that_no_script_bound_is_nothing_whatever_it_is_called_outside(place: Any, name: str) -> None:
    for source in (name, f"(let f (lambda () {name})) (f)", f"(for i [1] {name})", f'(obj.get {{:it {name}}} "it")'):
        assert await place.run(source) is None
        assert "unbound" in {each.code for each in check(parse(source), OPS.signatures)}


async def test_names_that_differ_in_a_sign_are_different_variables(place: Any) -> None:
    source = "(let a-b 1) (let a_b 2) (let a_2d_b 3) (let v_a_b 4) (let f (lambda (x-y x_y) (list.new x-y x_y)))"
    assert await place.run(f"{source} (list.new a-b a_b a_2d_b v_a_b (f 5 6))") == [1, 2, 3, 4, [5, 6]]


@pytest.mark.parametrize(
    "name", ["constructor", "__class__", "__init__", "__proto__", "prototype", "_ids", "read.__globals__", "", "Read"]
)
async def test_the_methods_of_a_capability_are_those_its_type_declares_and_no_attributes(place: Any, name: str) -> None:
    notes = place.held("user.1.notes")
    call = f'(let notes (get-capability "user.1.notes")) (call-method notes {json.dumps(name)})'
    assert await kind_of(place, call, notes) == "method_not_found"
    assert await kind_of(place, f'(obj.get (get-capability "user.1.notes") {json.dumps(name)})', notes) in (
        "missing_key",
        "type",
    )


async def test_no_child_survives_its_parent(place: Any) -> None:
    parent = place.held("user.1.notes")
    child = place.kernel.delegate("ann", parent.id)
    grandchild = CapabilityValue(place.kernel, "ann", place.kernel.delegate("ann", child.id).id, "user.1.notes")
    read = '(let notes (get-capability "user.1.notes")) (notes.read)'
    assert await place.run(read, grandchild) == "of user 1"
    place.kernel.revoke("ann", parent.id)
    assert await place.run('(get-capability "user.1.notes")', grandchild) is None
    with pytest.raises(HostFault, match="no such capability"):
        place.kernel.delegate("ann", grandchild.id)


@pytest.mark.parametrize("terms", [{"max_dreams": 5}, {"*": True}, {"no_delegate": True, "Methods": ["read"]}, {"": 1}])
async def test_what_is_not_understood_of_a_delegation_is_never_passed_over(place: Any, terms: dict[str, Any]) -> None:
    root = next(each for each in place.kernel.bootstrap("ann") if each.type == "user.1.notes")
    for act in (
        lambda: place.kernel.delegate("ann", root.id, Terms(terms)),
        lambda: place.kernel.export("ann", root.id, Terms(terms)),
        lambda: place.kernel.delegate("ann", root.id, Terms({}, terms)),
    ):
        with pytest.raises(HostFault) as caught:
            act()
        assert caught.value.kind == "invalid_params"


async def test_an_allowlist_can_be_added_to_what_had_none(world: Any) -> None:
    free = world.narrow(world.root(), {"max_width": 64})
    bound = world.narrow(free, {"allowed_models": ["alpha"]})
    assert bound.describe().restrictions.to_json() == {"allowed_models": ["alpha"], "max_width": 64}
    with pytest.raises(HostFault, match="allowed_models"):
        await bound.call(world.run(), "textToImage", ["a cat", {"model_id": "beta"}])


@pytest.mark.parametrize(
    "looking",
    [
        "(obj.keys it)", "(obj.entries it)", "(obj.get it \"url\")", "(obj.get it \"id\")", "(json.stringify it)",
        "(string it)", "(str.concat \"\" it)", "(str.join (list.new it) \",\")", "(try (throw it) e e)", "(typeof it)",
        "(obj.merge it {})", "(list.concat it)", "(time.format it)",
    ],
)  # fmt: skip
async def test_a_capability_tells_a_script_neither_an_address_nor_its_name(place: Any, looking: str) -> None:
    web = place.held("net.http")
    try:
        seen = await place.run(f'(let it (get-capability "net.http")) {looking}', web)
    except ScriptError as fault:
        seen = f"{fault.message} {fault.hint} {fault.data}"
    text = repr(seen).replace(repr(web), "")
    for secret in ("://", web.id, "c_", "h_", "ann", "/"):
        assert secret not in text, (looking, seen)


async def test_nobody_signs_in_by_naming_anything_but_a_token(world: Any) -> None:
    principals = Principals(world.database, clock=world.clock, token_bytes=world.random.randbytes)
    principals.create("bob", PrincipalKind.USER)
    kept, secret = principals.issue("bob", "laptop")
    held = world.root()
    handle = Handles(world.random.randbytes).issue(held)
    _, link = world.kernel.export("ann", held.id)
    tokens = Tokens("the owner's", principals, Throttle(world.clock))
    for name in ("bob", "ann", "owner", kept.id, held.id, handle, link, secret[:-1], secret.lower(), "", "laptop"):
        assert tokens.sign_in(name, "here") is None
    with world.database.read() as tx:
        [hashed] = tx.exec_driver_sql("SELECT hash FROM token").scalars()
    assert tokens.sign_in(hashed.hex(), "here") is None
    assert tokens.principal(secret, "here") == "bob"


@pytest.mark.parametrize(
    "options",
    [
        {"max_width": 4096}, {"maxWidth": 4096}, {"restrictions": {"max_width": 4096}}, {"limits": {"compute": 99}},
        {"params": {"max_width": 4096}}, {"max_steps": 1000}, {"allowed_models": ["beta"]},
    ],
    ids=json.dumps,
)  # fmt: skip
async def test_no_option_of_a_call_is_a_ceiling_of_its_capability(world: Any, options: dict[str, Any]) -> None:
    cap = world.narrow(world.root(), {"max_width": 64, "max_steps": 4, "allowed_models": ["alpha"]}, {"compute": 1})
    with pytest.raises(HostFault) as caught:
        await cap.call(world.run(), "textToImage", ["a cat", {"width": 65, **options}])
    assert caught.value.kind in ("invalid_params", "denied")
    assert world.engine.asked == []


async def test_a_call_that_allows_itself_more_gets_no_more_than_its_capability_does(world: Any) -> None:
    cap = world.narrow(world.root(), {"max_compute": 0.1}, {"compute": 0.2})
    wanted = {"width": 100, "height": 100, "num_inference_steps": 11, "max_compute": 1000}
    with pytest.raises(HostFault, match="max_compute"):
        await cap.call(world.run(), "textToImage", ["a cat", wanted])
    assert world.engine.asked == []
