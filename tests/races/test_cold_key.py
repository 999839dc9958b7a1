"""Without these, a product that everybody wants at once is read a thousand times, and one that is known costs more than a question."""

from collections import Counter

import httpx
import pytest
from redis.asyncio import Redis as Client

from tests.support.api import Api
from tests.support.options import Rounds
from tests.support.statistics import Statistics
from tests.support.together import together

_TRIES_MAX = 10


async def x_caches(http: httpx.AsyncClient, path: str, times: int) -> Counter[str]:
    answers = await together(*(http.get(path) for _ in range(times)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    return Counter(answer.headers["X-Cache"] for answer in answers)


async def test_however_many_want_a_product_that_nobody_has_read_the_database_is_asked_once(
    api: Api, statistics: Statistics, rounds: Rounds
) -> None:
    staff, nobody = await api.staff(), await api.client()
    many = rounds(quick=200, proof=1_000)
    for n in range(rounds(quick=1, proof=10)):
        assert (await staff.create_product(f"TEE-{n}")).is_success
        await statistics.forget()

        first = await x_caches(nobody.http, f"/v1/products/TEE-{n}", many)
        then = await x_caches(nobody.http, f"/v1/products/TEE-{n}", many)

        reads = [calls for query, calls in await statistics.statements() if "FROM products" in query]
        assert reads == [1]
        assert first.keys() <= {"miss", "hit"}
        assert then["hit"] > 0.99 * many


async def asked_by(http: httpx.AsyncClient, path: str, times: int, *, of: str) -> tuple[set[str], Counter[str]]:
    """What these requests were answered from, and the commands that they sent to Redis; what a script does there is none."""
    async with Client.from_url(of) as client, client.monitor() as monitor:
        answers = [await http.get(path) for _ in range(times)]
        async with Client.from_url(of) as other:
            await other.echo("over")
        heard: Counter[str] = Counter()
        while "over" not in (command := await monitor.next_command())["command"]:
            if command["client_type"] != "lua":
                heard[command["command"].split()[0]] += 1
    return {answer.headers["X-Cache"] for answer in answers}, heard


@pytest.mark.parametrize(("path", "questions"), [("/v1/products/TEE", 1), ("/v1/products", 2)], ids=["product", "list"])
async def test_what_is_known_costs_one_question_and_a_list_two(api: Api, cache_url: str, path: str, questions: int) -> None:
    assert (await (await api.staff()).create_product("TEE")).is_success
    customer = (await api.customer()).http
    await x_caches(customer, path, 20)  # both processes know the script, and there is a copy
    answered, commands = set[str](), Counter[str]()
    for _ in range(_TRIES_MAX):  # the copy of a list ends after a second
        answered, commands = await asked_by(customer, path, 10, of=cache_url)
        if answered == {"hit"}:
            break
    assert answered == {"hit"}
    del commands["HELLO"], commands["CLIENT"], commands["SELECT"]  # how the test's own connection introduces itself
    assert commands == {"EVALSHA": questions * 10}
