"""Without these, a release breaks every client of the API, and the pipeline calls it compatible."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from deploy.pipeline.api import document, report
from deploy.pipeline.compatibility import Changes, compare
from tests.support.sources import ROOT

Json = dict[str, Any]
Edit = Callable[[Json], object]

ORDERS = "`POST /orders`"
SHOP: Json = {
    "paths": {
        "/orders": {
            "post": {
                "x-roles": ["customer", "staff"],
                "parameters": [{"name": "dry_run", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OrderIn"}}}},
                "responses": {
                    "201": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                        "headers": {"ETag": {"required": True, "schema": {"type": "string"}}},
                    },
                    "409": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "OrderIn": {
                "type": "object",
                "required": ["sku"],
                "properties": {
                    "sku": {"type": "string", "maxLength": 20},
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 9},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
            "Order": {
                "type": "object",
                "required": ["id", "state"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "state": {"enum": ["open", "paid"], "type": "string"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
                },
            },
        }
    },
}


def post(shop: Json) -> Json:
    found: Json = shop["paths"]["/orders"]["post"]
    return found


def asked(shop: Json) -> Json:
    found: Json = shop["components"]["schemas"]["OrderIn"]
    return found


def answered(shop: Json) -> Json:
    found: Json = shop["components"]["schemas"]["Order"]
    return found


def changes(edit: Edit) -> Changes:
    new = copy.deepcopy(SHOP)
    edit(new)
    return compare(SHOP, new)


BODY = f"{ORDERS} `body.application/json"
CREATED = f"{ORDERS} `201.application/json"
BREAKING: list[tuple[Edit, str]] = [
    (lambda shop: shop["paths"].clear(), f"{ORDERS} is gone"),
    (lambda shop: post(shop)["x-roles"].remove("customer"), f"{ORDERS} `roles` can only be staff now"),
    (lambda shop: post(shop)["parameters"].clear(), f"{ORDERS} `query dry_run` is gone"),
    (
        lambda shop: post(shop)["parameters"].append({"name": "shop", "in": "query", "required": True, "schema": {}}),
        f"{ORDERS} `query shop` is new and required",
    ),
    (lambda shop: post(shop)["parameters"][0].update(required=True), f"{ORDERS} `query dry_run` is required now"),
    (lambda shop: asked(shop)["properties"].pop("note"), f"{BODY}.note` is gone"),
    (lambda shop: asked(shop)["required"].append("quantity"), f"{BODY}.quantity` is required now"),
    (lambda shop: asked(shop)["properties"]["note"]["anyOf"].pop(), f"{BODY}.note` can no longer be null"),
    (lambda shop: asked(shop)["properties"]["quantity"].update(maximum=5), f"{BODY}.quantity` has maximum 5 now"),
    (lambda shop: asked(shop)["properties"]["quantity"].update(minimum=2), f"{BODY}.quantity` has minimum 2 now"),
    (lambda shop: asked(shop)["properties"]["sku"].update(minLength=3), f"{BODY}.sku` has minLength 3 now"),
    (lambda shop: asked(shop)["properties"]["sku"].update(pattern="^[A-Z]+$"), f"{BODY}.sku` has another format"),
    (lambda shop: asked(shop)["properties"]["sku"].update(enum=["TEE"]), f"{BODY}.sku` can only be TEE now"),
    (lambda shop: answered(shop)["properties"].pop("parts"), f"{CREATED}.parts` is gone"),
    (lambda shop: answered(shop)["required"].remove("id"), f"{CREATED}.id` can be absent now"),
    (lambda shop: answered(shop)["properties"]["id"].update(type=["string", "null"]), f"{CREATED}.id` can be null now"),
    (lambda shop: answered(shop)["properties"]["id"].pop("format"), f"{CREATED}.id` has another format"),
    (lambda shop: answered(shop)["properties"]["state"]["enum"].append("lost"), f"{CREATED}.state` can be lost now"),
    (lambda shop: post(shop)["responses"].pop("201"), f"{ORDERS} `201` is gone"),
    (lambda shop: post(shop)["responses"]["201"]["headers"].clear(), f"{ORDERS} `201.header ETag` is gone"),
]
HARMLESS: list[tuple[Edit, str]] = [
    (lambda shop: shop["paths"].update({"/carts": shop["paths"]["/orders"]}), "`POST /carts` is new"),
    (lambda shop: asked(shop)["properties"].update(colour={"type": "string"}), f"{BODY}.colour` is new"),
    (lambda shop: answered(shop)["properties"].update(colour={"type": "string"}), f"{CREATED}.colour` is new"),
    (lambda shop: asked(shop)["required"].clear(), f"{BODY}.sku` is wider or narrower in a way that breaks nobody"),
    (
        lambda shop: asked(shop)["properties"]["quantity"].update(type="number"),
        f"{BODY}.quantity` is wider or narrower in a way that breaks nobody",
    ),
]


@pytest.mark.parametrize(("edit", "sentence"), BREAKING, ids=[sentence for _, sentence in BREAKING])
def test_what_breaks_a_client_is_found_and_named(edit: Edit, sentence: str) -> None:
    assert changes(edit).breaking == (sentence,)


@pytest.mark.parametrize(("edit", "sentence"), HARMLESS, ids=[sentence for _, sentence in HARMLESS])
def test_what_breaks_nobody_is_told_apart(edit: Edit, sentence: str) -> None:
    assert changes(edit) == Changes((), (sentence,))


def test_words_and_refusals_are_no_promise() -> None:
    def reword(shop: Json) -> None:
        post(shop)["summary"] = "Buy"
        post(shop)["responses"].pop("409")

    assert changes(reword) == Changes((), ())


def test_our_own_document_can_be_read_whole() -> None:
    ours = document(ROOT)
    poorer = copy.deepcopy(ours)
    del poorer["components"]["schemas"]["ReservationOut"]["properties"]["state"]

    assert compare(ours, ours) == Changes((), ())
    assert "`GET /v1/reservations/{reservation_id}` `200.application/json.state` is gone" in compare(ours, poorer).breaking


def test_the_report_says_first_what_breaks() -> None:
    lines = list(report(Changes(("`GET /a` is gone",), ("`GET /b` is new",)), "v1.0"))

    assert [line for line in lines if line.startswith("- ")] == ["- `GET /a` is gone", "- `GET /b` is new"]
