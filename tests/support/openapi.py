"""Ways into an OpenAPI document."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

Json = dict[str, Any]


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Each with its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(document: Json, node: Json) -> Json:
    """What a reference into the document's components stands for; anything else is itself."""
    if "$ref" not in node:
        return node
    kind, name = node["$ref"].removeprefix("#/components/").split("/")
    found: Json = document["components"][kind][name]
    return found


def assert_fits(document: Json, schema: Json, example: object) -> None:
    validator = jsonschema_rs.validator_for({**schema, "components": document["components"]}, validate_formats=True)
    validator.validate(example)
