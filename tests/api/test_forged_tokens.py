"""Without these, a token of somebody's own making is let in, or its maker learns how far it got."""

import gc
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.api import Api, Json
from tests.support.devices import Device, sign_in
from tests.support.forgery import FORGERIES, Genuine, signed
from tests.support.people import People
from tests.support.problems import assert_problem
from tests.support.processes import Processes
from tests.support.settings import Where, settings

CPU_SECONDS_MAX = 0.1  # one takes 2 ms; a busy machine counts more than that

SETTINGS = settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))


@pytest.fixture
async def device(api: Api, people: People) -> Device:
    return await sign_in(api, await people.join())


@pytest.fixture
def uncollected() -> Iterator[None]:
    """A collection of all that a run of tests has made takes a quarter of a second, in whichever request it falls."""
    gc.disable()
    yield
    gc.enable()


async def present(http: httpx.AsyncClient, token: str, path: str = "/v1/me") -> httpx.Response:
    return await http.get(path, headers=[(b"Authorization", f"Bearer {token}".encode("latin-1"))])


def said(answer: httpx.Response) -> tuple[Json, Json]:
    """All that an answer tells, but for the id of its request."""
    problem = assert_problem(answer, 401, "unauthenticated")
    return problem | {"request_id": ""}, dict(answer.headers) | {"x-request-id": ""}


@pytest.mark.usefixtures("uncollected")
async def test_every_forgery_gets_the_same_answer_as_no_token_at_all(device: Device) -> None:
    genuine = Genuine.of(device.access_token, SETTINGS)
    del device.http.headers["Authorization"]
    assert (await present(device.http, signed(genuine.header, genuine.claims, genuine.key))).status_code == 200
    expected = said(await device.http.get("/v1/me"))
    slowest = (0.0, "")

    for name, forge in FORGERIES.items():
        forged = forge(genuine)
        started = time.process_time()
        answer = await present(device.http, forged)
        slowest = max(slowest, (time.process_time() - started, name))
        assert said(answer) == expected, name

    print(f"{len(FORGERIES)} forgeries; the slowest took {slowest[0] * 1_000:.1f} ms of CPU: {slowest[1]}")  # noqa: T201
    assert slowest[0] < CPU_SECONDS_MAX


async def test_a_forgery_is_refused_where_a_stranger_is_served(device: Device) -> None:
    forged = FORGERIES["by a key of zeros"](Genuine.of(device.access_token, SETTINGS))

    assert_problem(await present(device.http, forged, "/v1/products"), 401, "unauthenticated")
    del device.http.headers["Authorization"]
    assert (await device.http.get("/v1/products")).status_code == 200


async def test_of_two_tokens_none_counts(device: Device) -> None:
    token = device.access_token
    del device.http.headers["Authorization"]

    answer = await device.http.get("/v1/me", headers=[("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")])

    assert_problem(answer, 401, "unauthenticated")


async def test_a_refresh_token_is_no_access_token_and_the_other_way_round(device: Device) -> None:
    access_token, refresh_token = device.access_token, device.refresh_token
    del device.http.headers["Authorization"]

    assert_problem(await present(device.http, refresh_token), 401, "unauthenticated")
    assert (await device.refresh(access_token[-200:])).status_code == 401


async def test_a_server_answers_them_as_the_app_does(processes: Processes, people: People) -> None:
    """What the server itself refuses never reaches us; what it passes on gets the one answer."""
    api = await processes.api(workers=1)
    person = await people.join()
    genuine = Genuine.of(person.token, SETTINGS)
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as http:
        answers = {name: await present(http, forge(genuine)) for name, forge in FORGERIES.items()}

    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 401} == {}
    assert len({answer.text.replace(answer.headers["X-Request-ID"], "") for answer in answers.values()}) == 1
