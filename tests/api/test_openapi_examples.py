"""Without these, Try it out fails for whoever tries the API for the first time."""

import uuid
from dataclasses import dataclass

import httpx
import pytest

from deploy.local.credentials import ROLES, Credentials, Login
from deploy.local.seed import seed
from services.api import examples
from services.api.docs import pages
from services.api.errors import KEY_HEADER
from services.api.main import create_app
from services.runtime.errors import Conflict
from tests.support.api import Client, Json
from tests.support.database import Database
from tests.support.openapi import assert_fits, operations, resolved
from tests.support.settings import Where, settings
from tests.support.unplugged import NOWHERE

WITHOUT_A_GOOD_EXAMPLE = {
    # Passwords of the demo accounts are random, and so is every token, session and id.
    *("sign_in", "refresh", "change_password", "verify_email", "reset_password", "end_session", "read_account", "change_account"),
    *("read_dead_letter", "replay_dead_letter", "discard_dead_letter"),  # nothing has died in the demo
    "sign_out_everywhere",  # it would sign out whoever sends the other examples
}


@pytest.fixture(scope="module")
def document() -> Json:
    return create_app(settings(NOWHERE)).openapi()


@dataclass(frozen=True, slots=True)
class Example:
    """A request as the docs page fills it in."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str | list[str]]
    body: Json | None

    @classmethod
    def of(cls, document: Json, method: str, path: str, operation: Json) -> "Example":
        filled_in = [parameter for parameter in operation.get("parameters", ()) if parameter.get("example")]
        given = {place: {one["name"]: one["example"] for one in filled_in if one["in"] == place} for place in ("path", "header", "query")}
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        body = resolved(document, content["schema"])["examples"][0] if content else None
        return cls(method, path.format(**given["path"]), given["header"], given["query"], body)


class Page:
    """Sends examples as start.js does: a fresh key, and ids that exist."""

    def __init__(self, client: Client, document: Json) -> None:
        self._client = client
        examples_by_id = {o["operationId"]: Example.of(document, method, path, o) for method, path, o in operations(document)}
        self._placing, self._confirming = examples_by_id["place_reservation"], examples_by_id["confirm_reservation"]

    async def send(self, example: Example) -> httpx.Response:
        path = example.path
        if examples.ITEM_ID in path:
            path = path.replace(examples.ITEM_ID, (await self._client.levels(limit="1")).json()["items"][0]["item_id"])
        if examples.RESERVATION_ID in path:
            path = path.replace(examples.RESERVATION_ID, await self._reservation(is_confirmed=path.endswith("/fulfilments")))
        headers = {name: uuid.uuid4().hex if name == KEY_HEADER else value for name, value in example.headers.items()}
        return await self._client.http.request(example.method, path, headers=headers, params=example.query, json=example.body)

    async def _reservation(self, *, is_confirmed: bool) -> str:
        reservation: str = (await self.send(self._placing)).json()["id"]
        if is_confirmed:
            await self._client.confirm(reservation)
        return reservation


async def test_every_request_made_of_examples_succeeds_on_the_demo_data(document: Json, admin: Client, database: Database) -> None:
    logins = [Login(f"{role}@holdfast.example", "abcd-efgh-jkmn") for role in ROLES]
    await seed(settings(Where(database_url=database.url)), Credentials(*logins))
    page = Page(admin, document)

    for method, path, operation in operations(document):
        if operation["operationId"] not in WITHOUT_A_GOOD_EXAMPLE:
            answer = await page.send(Example.of(document, method, path, operation))
            assert answer.is_success, (operation["operationId"], answer.text)


def test_every_body_has_an_example_that_its_schema_allows(document: Json) -> None:
    for _, _, operation in operations(document):
        answers = [resolved(document, answer) for status, answer in operation["responses"].items() if status.startswith("2")]
        for part in (operation.get("requestBody", {}), *answers):
            for content in part.get("content", {}).values():
                [example] = resolved(document, content["schema"])["examples"]
                assert_fits(document, content["schema"], example)


def test_what_a_request_needs_is_filled_in(document: Json) -> None:
    for _, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert ("example" in parameter) >= parameter["required"], (path, parameter["name"])
            if "example" in parameter:
                assert_fits(document, parameter["schema"], parameter["example"])


def test_the_page_knows_what_the_constant_examples_stand_for() -> None:
    script = (pages.ASSETS / "start.js").read_text()

    for example in (examples.WORDS[KEY_HEADER], examples.RESERVATION_ID, examples.ITEM_ID):
        assert f'"{example}"' in script


def test_a_member_without_an_example_is_named() -> None:
    with pytest.raises(LookupError, match="'colour'"):
        examples.of_schema({"properties": {"colour": {"type": "string"}}, "required": ["colour"]}, {})


def test_a_fact_of_a_refusal_without_an_example_is_named() -> None:
    class WrongColour(Conflict):
        code, title = "wrong_colour", "Wrong colour"

        def __init__(self, colour: str) -> None:
            super().__init__(f"{colour} is not sold here")

    with pytest.raises(LookupError, match=r"WrongColour .*'colour'"):
        examples.refusal_of(WrongColour)
