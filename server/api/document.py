"""The description of all operations, as an OpenAPI 3.1 document and as a page made of that.

It is made of what the operations declare, and the page is made on the server, without scripts: it works offline and
under a Content-Security-Policy that lets nothing run. https://spec.openapis.org/oas/v3.1.1.html
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, TypeAdapter

from mintaka.server.api.operations import Operation

REFERENCE = "#/components/schemas/{model}"
JSON = "application/json"

VERBS = ("get", "post", "put", "patch", "delete")
"""What a path item tells of; it may have other members."""

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]


@runtime_checkable
class Described(Protocol):
    """A part that has operations which are not declared in advance."""

    def paths(self, principal: str | None) -> Mapping[str, object]:
        """OpenAPI path items for ``principal``, who is None where nobody has signed in."""
        ...


class _Schemas:
    """The schemas of all models, each written once."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        wanted: dict[tuple[str, Mode], Any] = {}
        for each in operations:
            wanted[_key(each.face.error), "serialization"] = each.face.error
            if not isinstance(each.answer, str):
                wanted[_key(each.answer), "serialization"] = each.answer
            for model in (each.query, each.body):
                if model is not None:
                    wanted[_key(model), "validation"] = model
        adapters: list[tuple[str, Mode, TypeAdapter[Any]]] = [
            (key, mode, TypeAdapter(model)) for (key, mode), model in wanted.items()
        ]
        self._made, definitions = TypeAdapter.json_schemas(adapters, ref_template=REFERENCE)
        self.components: Json = definitions.get("$defs", {})

    def of(self, model: Any, mode: Mode) -> Json:
        """A reference to the schema of a model, or the schema of another type."""
        return self._made[_key(model), mode]

    def properties(self, model: type[BaseModel]) -> tuple[Mapping[str, Json], Sequence[str]]:
        """The properties of an object, and which must be there."""
        schema = self.of(model, "validation")
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = self.components[name] if name else schema
        return schema.get("properties", {}), schema.get("required", ())


def document(operations: Iterable[Operation], more: Mapping[str, object], version: str) -> Json:
    """The OpenAPI document of all ``operations``, with ``more`` path items."""
    operations = list(operations)
    schemas = _Schemas(operations)
    paths: Json = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.verb.lower()] = _operation(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mintaka",
            "version": version,
            "description": "What a token lets you do over HTTP. Send it as `Authorization: Bearer …`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}],
        "paths": {**paths, **more},
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token as password."},
            },
        },
    }


def _operation(operation: Operation, schemas: _Schemas) -> Json:
    face = operation.face
    told: Json = {
        "operationId": re.sub(r"\W+", "_", f"{operation.verb.lower()}{operation.path}").strip("_"),
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas)],
        "responses": {
            str(operation.status): {"description": "Done", "content": _content(operation, schemas)},
            "default": {
                "description": "What went wrong",
                "content": {JSON: {"schema": schemas.of(face.error, "serialization")}},
            },
        },
    }
    if operation.description:
        told["description"] = operation.description
    if face.basic:
        told["security"] = [{"bearer": []}, {"basic": []}]
    if operation.body is not None:
        told["requestBody"] = {
            "required": not operation.optional_body,
            "content": {media: {"schema": schemas.of(operation.body, "validation")} for media in operation.takes},
        }
    return told


def _path_parameters(operation: Operation) -> list[Json]:
    names = re.findall(r"{(\w+)}", operation.path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[Json]:
    if operation.query is None:
        return []
    properties, required = schemas.properties(operation.query)
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in properties.items()
    ]


def _content(operation: Operation, schemas: _Schemas) -> Json:
    if isinstance(operation.answer, str):
        return {media: {"schema": {}} for media in operation.answer.split()}
    return {JSON: {"schema": schemas.of(operation.answer, "serialization")}}


def _key(model: Any) -> str:
    return str(model)


# The page


def docs_page(described: Json) -> str:
    """The document as a page for people."""
    by_tag: dict[str, list[str]] = {}
    for path, item in described["paths"].items():
        for verb, operation in item.items():
            if verb in VERBS:
                tag = operation.get("tags", ["Further"])[0]
                by_tag.setdefault(tag, []).append(_section(verb, path, operation))
    parts = "".join(
        f'<h2 id="{escape(_anchor(tag))}">{escape(tag)}</h2>{"".join(sections)}' for tag, sections in by_tag.items()
    )
    links = " · ".join(f'<a href="#{escape(_anchor(tag))}">{escape(tag)}</a>' for tag in by_tag)
    schemas = "".join(
        f'<details id="schema-{escape(name)}"><summary>{escape(name)}</summary>{_schema(schema)}</details>'
        for name, schema in described["components"]["schemas"].items()
    )
    info = described["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mintaka over HTTP</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs/style.css"></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])} over HTTP</h1>{_prose(info['description'])}"
        f'<p><a href="/openapi.json">openapi.json</a> · {links} · <a href="#schemas">Schemas</a></p>{parts}'
        f'<h2 id="schemas">Schemas</h2>{schemas}</body></html>'
    )


def _section(verb: str, path: str, operation: Json) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(each['in'])}</td><td>{_type(each['schema'])}</td>"
        f"<td>{escape(str(each['schema'].get('description', '')))}</td></tr>"
        for each in operation.get("parameters", ())
    )
    table = f"<table>{parameters}</table>" if parameters else ""
    body = "".join(
        f"<p>Body, <code>{escape(media)}</code>: {_type(told['schema'])}</p>"
        for media, told in operation.get("requestBody", {}).get("content", {}).items()
    )
    answers = "".join(
        f"<p>{escape(status)}: "
        + ", ".join(
            f"<code>{escape(media)}</code> {_type(told.get('schema', {}))}"
            for media, told in answer.get("content", {}).items()
        )
        + "</p>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<details class="operation"><summary><b class="{escape(verb)}">{escape(verb.upper())}</b> '
        f"<code>{escape(path)}</code> {escape(operation.get('summary', ''))}</summary>"
        f"{_prose(operation.get('description', ''))}{table}{body}{answers}</details>"
    )


def _type(schema: Json) -> str:
    """A schema in few words, with links to those that have names."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"<code>{escape(json.dumps(each))}</code>" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "anything")))


def _schema(schema: Json) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{'required' if name in required else ''}</td>"
        f"<td>{_type(each)}</td><td>{escape(str(each.get('description', '')))}</td></tr>"
        for name, each in schema.get("properties", {}).items()
    )
    return f"{_prose(schema.get('description', ''))}<table>{rows}</table>" if rows else f"<p>{_type(schema)}</p>"


def _prose(text: str) -> str:
    paragraphs = (escape(each) for each in text.split("\n\n") if each.strip())
    return "".join("<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", each) + "</p>" for each in paragraphs)


def _anchor(tag: str) -> str:
    return re.sub(r"\W+", "-", tag).lower()
