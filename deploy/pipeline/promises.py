"""What an OpenAPI document promises to its readers, as flat facts: one for each operation, parameter, header and field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Place = tuple[str, ...]  # an operation, one side of it, and the way to a field; what is left of the last is its parent

LIMITS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "maximum", "exclusiveMaximum", "maxLength", "maxItems")
_METHODS = ("get", "head", "post", "put", "patch", "delete")
_BEYOND_SUCCESS = "4"  # a refusal may come or go without breaking who understands refusals


@dataclass(frozen=True, slots=True)
class Promise:
    """What may be said at one place. The caller says what is asked, we say the rest."""

    is_asked: bool
    is_required: bool
    types: frozenset[str] = frozenset()
    values: frozenset[str] | None = None  # the only ones, where they are listed
    forms: frozenset[str] = frozenset()  # formats and patterns
    limits: Mapping[str, float] = field(default_factory=dict)


def promises_of(document: Json) -> dict[Place, Promise]:
    return dict(_Reader(document).read())


class _Reader:
    def __init__(self, document: Json) -> None:
        self._document = document

    def read(self) -> Iterator[tuple[Place, Promise]]:
        for path, item in self._document["paths"].items():
            for method in (each for each in _METHODS if each in item):
                yield from self._operation((f"{method.upper()} {path}",), item[method])

    def _operation(self, place: Place, operation: Json) -> Iterator[tuple[Place, Promise]]:
        yield place, Promise(is_asked=True, is_required=False)
        roles = operation.get("x-roles")
        yield (*place, "roles"), Promise(is_asked=True, is_required=False, values=frozenset(roles) if roles else None)
        for parameter in map(self._resolve, operation.get("parameters", [])):
            below = (*place, f"{parameter['in']} {parameter['name']}")
            yield from self._fields(below, parameter["schema"], is_required=parameter.get("required", False), is_asked=True)
        if body := self._resolve(operation.get("requestBody", {})):
            yield from self._contents((*place, "body"), body, is_required=body.get("required", False), is_asked=True)
        for status, response in operation["responses"].items():
            if status < _BEYOND_SUCCESS:
                yield from self._response((*place, status), self._resolve(response))

    def _response(self, place: Place, response: Json) -> Iterator[tuple[Place, Promise]]:
        yield from self._contents(place, response, is_required=True, is_asked=False)
        for name, header in response.get("headers", {}).items():
            known = self._resolve(header)
            below, is_required = (*place, f"header {name}"), known.get("required", False)
            yield from self._fields(below, known.get("schema", {}), is_required=is_required, is_asked=False)

    def _contents(self, place: Place, holder: Json, *, is_required: bool, is_asked: bool) -> Iterator[tuple[Place, Promise]]:
        yield place, Promise(is_asked=is_asked, is_required=is_required)
        for media, content in holder.get("content", {}).items():
            yield from self._fields((*place, media), content.get("schema", {}), is_required=False, is_asked=is_asked)

    def _fields(
        self, place: Place, schema: Json, seen: tuple[str, ...] = (), *, is_required: bool, is_asked: bool
    ) -> Iterator[tuple[Place, Promise]]:
        """This place and those below it. A schema that contains itself is followed once."""
        variants = list(self._variants(schema, seen))
        facts = [facts for facts, _ in variants]
        yield place, _promise(facts, is_required=is_required, is_asked=is_asked)
        for one, way in variants:
            for name, below in one.get("properties", {}).items():
                is_named = name in one.get("required", [])
                yield from self._fields((*place, name), below, way, is_required=is_named, is_asked=is_asked)
            for keyword, name in (("items", "[]"), ("additionalProperties", "{}")):
                if isinstance(below := one.get(keyword), dict):
                    yield from self._fields((*place, name), below, way, is_required=False, is_asked=is_asked)

    def _variants(self, schema: Json, seen: tuple[str, ...]) -> Iterator[tuple[Json, tuple[str, ...]]]:
        """What a value may be, with the references that led there."""
        reference = schema.get("$ref")
        if reference is not None:
            if reference not in seen:
                yield from self._variants(self._resolve(schema), (*seen, reference))
            return
        several = [each for keyword in ("anyOf", "oneOf", "allOf") for each in schema.get(keyword, [])]
        for each in several:
            yield from self._variants(each, seen)
        if not several:
            yield schema, seen

    def _resolve(self, node: Json) -> Json:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            node = found
        return node


def _promise(variants: list[Json], *, is_required: bool, is_asked: bool) -> Promise:
    values = [_values(each) for each in variants if each.get("type") != "null"]
    return Promise(
        is_asked=is_asked,
        is_required=is_required,
        types=frozenset(name for each in variants for name in _types(each)),
        values=frozenset().union(*(some for some in values if some is not None)) if values and None not in values else None,
        forms=frozenset(str(each[keyword]) for each in variants for keyword in ("format", "pattern") if keyword in each),
        limits={keyword: each[keyword] for each in variants for keyword in LIMITS if keyword in each},
    )


def _types(schema: Json) -> list[str]:
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else named


def _values(schema: Json) -> frozenset[str] | None:
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return None if listed is None else frozenset(map(str, listed))
