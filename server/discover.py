"""``rpc.discover``: every method and every op as an OpenRPC document. https://spec.open-rpc.org"""

from collections.abc import Iterable, Mapping

from mintaka.capabilities.schema import inlined
from mintaka.server.errors import CODES, Kind
from mintaka.server.methods import Method

ANY_RESULT = {"name": "result", "schema": True}


def openrpc(methods: Iterable[Method], ops: Iterable[Mapping[str, object]], version: str) -> dict[str, object]:
    """The document: the server's methods, then the ops, which can all be called as methods; a method goes first."""
    told = {method.name: _method(method) for method in methods}
    return {
        "openrpc": "1.3.2",
        "info": {"title": "Mintaka", "version": version, "license": {"name": "Apache-2.0"}},
        "methods": [*told.values(), *(_op(op) for op in ops if op["opcode"] not in told)],
        "components": {
            "errors": {kind.value: {"code": code, "message": kind.value} for kind, code in CODES.items()},
        },
    }


def _method(method: Method) -> dict[str, object]:
    schema = inlined(method.params.model_json_schema())
    assert isinstance(schema, Mapping)
    properties: Mapping[str, object] = schema.get("properties", {})
    required = schema.get("required", ())
    document: dict[str, object] = {
        "name": method.name,
        "summary": method.summary.splitlines()[0] if method.summary else "",
        "description": method.summary,
        "paramStructure": "either",
        "params": [
            {"name": name, "required": name in required, "schema": property} for name, property in properties.items()
        ],
        "result": ANY_RESULT,
    }
    if not method.open:
        code = CODES[Kind.UNAUTHENTICATED]
        document["errors"] = [{"code": code, "message": Kind.UNAUTHENTICATED.value}]
    return document


def _op(op: Mapping[str, object]) -> dict[str, object]:
    parameters = op.get("parameters")
    listed = [each for each in parameters if isinstance(each, Mapping)] if isinstance(parameters, list) else []
    return {
        "name": op["opcode"],
        "summary": op.get("label", ""),
        "description": op.get("description", ""),
        "paramStructure": "either",
        "params": [
            {
                "name": each["name"],
                "required": not each.get("optional", False),
                "description": each.get("description", ""),
                "schema": True,
            }
            for each in listed
        ],
        "result": ANY_RESULT,
    }
