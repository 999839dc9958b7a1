"""Without these, the OpenAPI document promises answers that the API does not give, or keeps silent about some that it gives."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis import APIOperation, Case, CheckContext, GenerationMode, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Err, Ok

from tests.support.api import Api, Client, Json, line
from tests.support.options import Rounds

OURS = {"etag", "location", "link", "idempotent-replayed", "retry-after", "www-authenticate", "x-request-id"}
TOO_LONG = {414, 431}  # of any request, which the text of the document says once for all operations
REFUSED_AS = [400, 401, 403, 404, 406, 409, 412, 413, 415, 422, 428]  # what a request that the document forbids may be answered
# Left off: positive_data_acceptance, because no schema says that a sku is known, a cursor ours, or `to` another place than `from`
# (test_openapi_examples sends what is promised to succeed); use_after_free and ensure_resource_availability, because what is archived
# still reads; object_level_authorization, which needs two callers (test_permissions and test_transitions have them).
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
QUICK = 5  # of each operation, and the same every time: what they find is then the fault of the change at hand
CALM = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)  # two cores have other things to do


async def test_every_answer_is_one_that_the_document_names(api_processes: Api, rounds: Rounds) -> None:
    contract = read((await (await api_processes.client()).http.get("/openapi.json")).json())
    assert len(contract) > 30

    for number, join in enumerate((api_processes.client, api_processes.customer, api_processes.staff, api_processes.admin)):
        client, staff = await join(), await api_processes.staff()
        ids = await something_to_find(client if client.person else staff, staff, name=f"SHOP-{number}")
        for operation in contract:
            await asyncio.to_thread(probe, operation, client, ids, count=rounds(quick=QUICK, proof=300))


async def something_to_find(owner: Client, staff: Client, *, name: str) -> dict[str, str]:
    """A product and a warehouse of this name, stock, and a hold that lasts as long as the longest run; what to write into paths."""
    await staff.stock(name, name, 1_000)
    placed = await owner.place(line(name, 2), ttl_seconds=7_200)
    item = (await staff.levels(sku=name)).json()["items"][0]
    return {"key": name, "warehouse": name, "external_ref": name, "item_id": item["item_id"], "reservation_id": placed.json()["id"]}


def read(document: Json) -> Sequence[APIOperation[Any, Any, Any, Any]]:
    """The operations of a document that is as exact as the API: it leaves open what is kept open for versions to come."""
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Out"):
            schema["additionalProperties"] = False
    config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": REFUSED_AS}}})
    found = list(schemathesis.openapi.from_dict(document, config=config).get_all_operations())
    assert not [operation for operation in found if isinstance(operation, Err)]
    # Whoever signs out everywhere is nobody from then on.
    return sorted((operation.ok() for operation in found if isinstance(operation, Ok)), key=lambda one: one.path.endswith("/logout-all"))


def probe(operation: APIOperation[Any, Any, Any, Any], client: Client, ids: Mapping[str, str], *, count: int) -> None:
    """Send what the document allows and what it forbids, to things that exist and to others, and compare the answers with it."""
    found = {parameter.name: ids[parameter.name] for parameter in operation.path_parameters if parameter.name in ids}
    cases = [operation.as_strategy(mode, path_parameters=chosen) for mode in GenerationMode for chosen in (found, {})]
    headers = {"Authorization": client.http.headers["Authorization"]} if client.person else {}
    with requests.Session() as session:
        session.trust_env = False

        @settings(max_examples=count, derandomize=count == QUICK, deadline=None, database=None, suppress_health_check=CALM)
        @given(case=strategies.one_of(cases))
        def is_answered_as_documented(case: Case[Any]) -> None:
            answer = case.call(str(client.http.base_url), session, headers)
            if answer.status_code not in TOO_LONG:
                case.validate_response(answer, checks=checks())

        try:
            is_answered_as_documented()
        except BaseException as error:
            error.add_note(f"{operation.label}, as {client.person.role if client.person else 'nobody'}")
            raise


def checks() -> list[Any]:  # each check has a type of its own
    load_all_checks()
    return [*CHECKS.get_by_names(CHECKED), only_documented_headers]


def only_documented_headers(_: CheckContext, response: Response, case: Case[Any]) -> None:
    documented = case.operation.responses.find_by_status_code(response.status_code)
    names = {name.lower() for name, _ in documented.headers.items()} if documented else set()
    unknown = (OURS & response.headers.keys()) - names
    assert not unknown, f"{case.operation.label} sends {unknown} with {response.status_code}"
