"""Reading a list as a client does: page by page, by the cursors that it is given."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.api import Client

Json = dict[str, Any]
_PAGES_MAX = 200


async def page(client: Client, path: str, **parameters: Any) -> Json:
    answer = await client.http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def walk(client: Client, path: str, *, between: Callable[[], Awaitable[object]] | None = None, **parameters: Any) -> list[list[Json]]:
    """The items of all pages from the first to the last; `between` happens after each page."""
    found = [await page(client, path, **parameters)]
    while cursor := found[-1]["next_cursor"]:
        assert len(found) < _PAGES_MAX, "this list has no end"
        if between is not None:
            await between()
        found.append(await page(client, path, cursor=cursor, **parameters))
    return [one["items"] for one in found]


async def walk_back(
    client: Client, path: str, *, between: Callable[[], Awaitable[object]] | None = None, **parameters: Any
) -> list[list[Json]]:
    """The same from the last page to the first, in the order in which they stand in the list."""
    last = await page(client, path, **parameters)
    while last["next_cursor"]:
        last = await page(client, path, cursor=last["next_cursor"], **parameters)
    found = [last]
    while cursor := found[0]["prev_cursor"]:
        assert len(found) < _PAGES_MAX, "this list has no beginning"
        if between is not None:
            await between()
        found.insert(0, await page(client, path, cursor=cursor, **parameters))
    return [one["items"] for one in found]


def flat(pages: list[list[Json]], member: str) -> list[Any]:
    return [item[member] for items in pages for item in items]
