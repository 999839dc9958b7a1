"""Clients who reserve, confirm, extend and cancel, never give up before they have an answer, and write down what they were told."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import time

import httpx

from tests.support.api import Client, line
from tests.support.history import Deed

_ANSWERED_WITHIN_SECONDS = 60
_AGAIN_SECONDS = 0.1
_SHARED = 40  # reservations that all of them change
_HOLD_SECONDS = (1, 2, 600, 600)

Ask = Callable[[str], Awaitable[httpx.Response]]


class Recorders:
    """All of one account, so that each may change what another placed."""

    def __init__(self, client: Client, skus: list[str]) -> None:
        self.deeds: list[Deed] = []
        self._client = client
        self._skus = skus
        self._shared: list[Deed] = []  # what was placed

    async def record(self, deeds: int, *, people: int, enough: asyncio.Event) -> None:
        """At least so many, and until somebody says that it is enough."""

        async def somebody() -> None:
            while len(self.deeds) < deeds or not enough.is_set():
                await self._do_something()

        async with asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(somebody())

    async def _do_something(self) -> None:
        verb = random.choice(("place", "place", "confirm", "cancel", "extend"))
        if verb == "place" or not self._shared:
            await self._place(random.choice(self._skus), random.randint(1, 3))
        else:
            await self._change(random.choice(self._shared), verb)

    async def _place(self, sku: str, units: int) -> None:
        hold_seconds = random.choice(_HOLD_SECONDS)
        started = time()
        answer = await self._insist(lambda key: self._client.place(line(sku, units), key=key, ttl_seconds=hold_seconds))
        deed = _deed("place", answer, Deed("place", "", sku, units, started, time()))
        self.deeds.append(deed)
        if deed.is_done:
            self._shared = [*self._shared[-_SHARED + 1 :], deed]

    async def _change(self, placed: Deed, verb: str) -> None:
        body = {"ttl_seconds": random.choice(_HOLD_SECONDS)} if verb == "extend" else None
        started = time()
        answer = await self._insist(lambda key: self._client.change(placed.reservation, verb, body, key=key))
        self.deeds.append(_deed(verb, answer, Deed(verb, placed.reservation, placed.sku, placed.units, started, time())))

    async def _insist(self, ask: Ask) -> httpx.Response:
        """Ask under one key until it is known whether it was done."""
        key = uuid.uuid4().hex
        async with asyncio.timeout(_ANSWERED_WITHIN_SECONDS):
            while True:
                try:
                    answer = await ask(key)
                except httpx.TransportError:
                    await asyncio.sleep(_AGAIN_SECONDS)
                    continue
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE and not _is_in_progress(answer):
                    return answer
                await asyncio.sleep(_AGAIN_SECONDS)


def _is_in_progress(answer: httpx.Response) -> bool:
    return bool(answer.status_code == httpx.codes.CONFLICT and answer.json()["code"] == "idempotency_in_progress")


def _deed(verb: str, answer: httpx.Response, asked: Deed) -> Deed:
    body = answer.json()
    if not answer.is_success:
        return Deed(verb, asked.reservation, asked.sku, asked.units, asked.started, asked.ended, code=body["code"])
    return Deed(
        verb,
        body["id"],
        asked.sku,
        asked.units,
        asked.started,
        asked.ended,
        version=body["version"],
        state=body["state"],
        expires_at=datetime.fromisoformat(body["expires_at"]).timestamp(),
    )
