"""The OpenAPI document: what the framework made of the routes, and what follows from permissions, words and headers.

Nothing is written here for a single operation, so a new one is complete without a line in this file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter

from services.api import examples
from services.api.dependencies import Requires
from services.api.errors import KEY_HEADER, MEDIA_TYPE
from services.api.limits import limits_of
from services.api.once import REPLAYED_HEADER
from services.api.openapi import Problem
from services.inventory.accounts.permissions import PERMISSIONS, Permission
from services.runtime.cache import Source

Json = dict[str, Any]

DESCRIPTION = """
Products lie in warehouses; customers hold units for minutes, then confirm or cancel. The database forbids selling a unit twice.

**Trying it out.** Sign in with **Authorize**; `make up` names the demo accounts. Requests are filled in with examples that work
on the demo data. On this page the example key `{key}` stands for a fresh key each time: write one of your own to see a replay. The
example ids stand for the newest reservation that the request could succeed with, and for the first stock item: the page asks for them.

**Idempotency-Key.** Every POST that moves stock takes one. Sent again within 24 hours with the same contents, it gives the first
answer and `{replayed}: true`; with other contents it is 422. A refusal leaves no trace of its key: the same key may succeed later.

**Refusals** are `application/problem+json` with a stable `code`. Besides those of its own, any request may get 404 for a path and
405 for a method that there is not, 408 for one that arrives too slowly, 413 for a body over 64 KiB, 414 for a path and query over
8 KiB, 431 for an Authorization header over 4 KiB, and 500 `internal_error`, which is a bug of ours.

**Too many requests** are 429 with Retry-After. `RateLimit` says what is left; whoever runs the API raises every limit with
`HOLDFAST_RATE_LIMIT_FACTOR`.

**Copies.** Products, warehouses, their lists and what is available may come from a cache: `X-Cache` says so. A change is seen at once in
the thing itself and within two seconds in lists; `consistency=strong` reads the database.

**GET** of a product or a warehouse has a HEAD beside it, which answers with the headers alone.
"""
TAGS = [
    {"name": "auth", "description": "Who is asking"},
    {"name": "accounts", "description": "Your account, and everybody's for the admin"},
    {"name": "products", "description": "What can be stocked"},
    {"name": "warehouses", "description": "Where it can be stocked"},
    {"name": "stock", "description": "How much there is, what of it can be promised, and the ledger of what moved"},
    {"name": "reservations", "description": "Who has been promised what"},
    {"name": "notifications", "description": "What people were told by mail, and whether it arrived"},
    {"name": "admin", "description": "Whether all is well, who did what, and mails that died"},
    {"name": "health", "description": "Whether the process lives and can serve"},
]
ABOUT: Json = {
    "title": "Holdfast",
    "version": "1",
    "summary": "An inventory and reservation API that cannot oversell",
    "description": DESCRIPTION.format(key=examples.WORDS[KEY_HEADER], replayed=REPLAYED_HEADER),
    "license_info": {"name": "MIT", "identifier": "MIT"},
    "servers": [{"url": "/", "description": "Whoever served this document"}],
    "openapi_tags": TAGS,
}
_HEADERS: Json = {
    "X-Request-ID": {
        "description": "Under which the logs know this request: yours, if you sent a sensible one",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{8,64}$"},
        "example": "0197a3f0-7c1e-7000-8000-0a1b2c3d4e5f",
    },
    "ETag": {"description": "The version, for If-Match", "required": True, "schema": {"type": "string"}, "example": '"1"'},
    "Location": {"description": "The path of what was made", "required": True, "schema": {"type": "string"}, "example": "/v1/…"},
    "Link": {"description": "The neighbouring pages (RFC 8288), if there are any", "schema": {"type": "string"}},
    REPLAYED_HEADER: {"description": "That this is the answer to the first request with this key", "schema": {"const": "true"}},
    "Retry-After": {"description": "Seconds after which to try again", "schema": {"type": "integer"}, "example": 1},
    "RateLimit-Policy": {
        "description": "The limits that hold here: `q` requests at once, and as many again every `w` seconds",
        "schema": {"type": "string"},
        "example": '"network";q=500;w=5, "account";q=300;w=6',
    },
    "RateLimit": {
        "description": "What is left of each: `r` requests now, all of them in `t` seconds",
        "schema": {"type": "string"},
        "example": '"network";r=499;t=1, "account";r=299;t=1',
    },
    "X-Cache": {
        "description": "Where the answer comes from: a copy (`hit`), one that is being read anew (`stale`), or the database",
        "required": True,
        "schema": {"enum": [source.value for source in Source]},
        "example": "hit",
    },
    "WWW-Authenticate": {"description": "How to sign in", "required": True, "schema": {"const": "Bearer"}},
}


class Documented(FastAPI):
    """An app whose document is finished when somebody first asks for it."""

    def openapi(self) -> Json:
        if self.openapi_schema is None:
            routes = [route for route in iter_route_contexts(self.routes) if isinstance(route.original_route, APIRoute)]
            self.openapi_schema = _finish(super().openapi(), {str(route.name): route.dependant for route in routes})
        return self.openapi_schema


def _finish(document: Json, dependants: Mapping[str, Dependant]) -> Json:
    components = document["components"]
    problem = TypeAdapter(Problem).json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    components["headers"] = _HEADERS
    components["responses"] = {}
    components["examples"] = {}
    for operation in _operations(document):
        dependant = dependants[operation["operationId"]]
        _say_who(operation, dependant)
        _say_how_often(operation, dependant)
        _describe_request(operation)
        _describe_answers(operation, components)
    for schema in components["schemas"].values():
        for member in schema.get("properties", {}).values():
            member.pop("title", None)  # the framework's titles repeat the name
    _give_examples(components["schemas"])
    return document


def _operations(document: Json) -> Iterator[Json]:
    return (operation for methods in document["paths"].values() for operation in methods.values())


def _say_who(operation: Json, dependant: Dependant) -> None:
    """Who may call it, from the permission that the route declares and the one table of roles."""
    permission = next((part.call.permission for part in dependant.dependencies if isinstance(part.call, Requires)), None)
    roles = [role for role, permissions in PERMISSIONS.items() if role and (permission is None or permission in permissions)]
    if permission is None:
        who = "anybody."
    elif permission in PERMISSIONS[None]:
        who = "anybody, also without a token; one that is sent must be valid."
        operation["security"].insert(0, {})
    else:
        who = f"{', '.join(roles)} (`{permission}`)."
    operation["description"] = f"{operation.get('description', '')}\n\n**Who may**: {who}".strip()
    operation["x-roles"] = [str(role) for role in roles]
    if isinstance(permission, Permission):
        operation["x-permission"] = str(permission)


def _say_how_often(operation: Json, dependant: Dependant) -> None:
    """The limits that the route declares."""
    declared = limits_of(dependant.call) if dependant.call is not None else []
    words = [f"`{limit.policy.name}` {limit.policy.burst} and as many again every {limit.policy.seconds} s" for limit in declared]
    operation["description"] += f"\n\n**Rate limits**: {'; '.join(words) or 'none'}."
    operation["x-rate-limits"] = [asdict(limit.policy) for limit in declared]


def _describe_request(operation: Json) -> None:
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"] = _without_null(parameter["schema"])
        for repeated in ("title", "description"):
            schema.pop(repeated, None)
        # What a change must name is required, though the framework is told otherwise: we refuse its absence ourselves, with 428.
        needs_version = parameter["name"] == "If-Match" and "428" in operation["responses"]
        parameter["required"] |= needs_version and "If-None-Match" not in names
        if parameter["required"] or needs_version:
            parameter["example"] = examples.of_schema(schema, {}, word=parameter["name"])
        schema.pop("examples", None)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["schema"] = _without_null(content["schema"])
        content["schema"].pop("title", None)


def _describe_answers(operation: Json, components: Json) -> None:
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    of_success = {REPLAYED_HEADER: KEY_HEADER in names, "Link": "cursor" in names, "X-Cache": "consistency" in names}
    of_all = ["X-Request-ID", *(("RateLimit-Policy", "RateLimit") if operation["x-rate-limits"] else ())]
    for status, response in operation["responses"].items():
        is_success = status < "400"
        headers = [*of_all, *(name for name, is_sent in of_success.items() if is_sent and is_success)]
        response.setdefault("headers", {}).update({name: {"$ref": f"#/components/headers/{name}"} for name in headers})
        if status < "300":
            response["description"] = HTTPStatus(int(status)).phrase
        if MEDIA_TYPE in response.get("content", {}):
            operation["responses"][status] = _shared(response, components)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _shared(response: Json, components: Json) -> Json:
    """A reference to a refusal, which many operations have in common, and its examples, which many refusals have."""
    content = response["content"][MEDIA_TYPE]
    components["examples"].update(content["examples"])
    name = "Or".join(content["examples"])
    content = {**content, "examples": {one: {"$ref": f"#/components/examples/{one}"} for one in content["examples"]}}
    components["responses"][name] = {**response, "content": {MEDIA_TYPE: content}}
    return {"$ref": f"#/components/responses/{name}"}


def _give_examples(schemas: Json) -> None:
    """One for each object of ours; problems have theirs where they are answered."""
    for name, schema in schemas.items():
        if "properties" in schema and name not in {"Problem", "Fault"}:
            schema["examples"] = [examples.of_schema(schema, schemas)]


def _without_null(schema: Json) -> Json:
    """A parameter or a body is there or not; null is how Python says that it is not."""
    match schema:
        case {"anyOf": [only, {"type": "null"}], **others}:
            return {**only, **others}
    return schema
