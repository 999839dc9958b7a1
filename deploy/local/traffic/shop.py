"""Opening the shop, and what is said about it until it closes."""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx

from deploy.local import console
from deploy.local.credentials import Credentials, Login
from deploy.local.progress import ERASE_REST, SECONDS_BETWEEN_LINES
from deploy.local.traffic.assortment import Assortment, look_up
from deploy.local.traffic.customer import Customer
from deploy.local.traffic.pace import Pace
from deploy.local.traffic.staff import Staff
from deploy.local.traffic.tally import Tally
from deploy.local.traffic.visitor import Visitor
from deploy.local.trouble import Trouble

ANSWER_SECONDS_MAX = 10
AT_ONCE = 2  # customers on each account: somebody's telephone and somebody's computer
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long the shop is open (None is until it is stopped), how busy it is, and what the dice start with."""

    seconds: float | None
    rate: float
    seed: int


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=positive, help="close after so long; else on Ctrl-C or SIGTERM")
    parser.add_argument("--rate", type=positive, default=30, help="requests a second, in the mean of a day of five minutes")
    parser.add_argument("--seed", type=int, default=1, help="another number is another crowd; the same one wants the same things")


def positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise ValueError
    return value


def terms_of(options: argparse.Namespace) -> Terms:
    return Terms(options.seconds, options.rate, options.seed)


def run(url: str, credentials: Credentials, terms: Terms) -> None:
    """Play until the time is over or somebody stops it; says a summary in any case. Raises Trouble when nothing answers there."""
    asyncio.run(_run(url, credentials, terms))


async def _run(url: str, credentials: Credentials, terms: Terms) -> None:
    tally = Tally()
    # A proxy of this machine has no business with the shop.
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS_MAX, trust_env=False) as http:
        await _refuse_silence(http)
        pace = Pace(terms.rate)
        counter = Visitor(http, credentials.staff, pace=pace, tally=tally)
        assortment = await look_up(counter, seed=terms.seed)
        console.say(f"The shop is open at {url}, with {len(assortment.articles)} articles. Ctrl-C closes it.")
        began = time.monotonic()
        customers = list(_customers(credentials, assortment, terms, http=http, pace=pace, tally=tally))
        async with _at_work(Staff(counter, assortment, _dice(terms, "staff")), *customers), _said(tally):
            await _until_closing(terms.seconds)
        for line in tally.summary(seconds=time.monotonic() - began):
            console.say(line)


async def _refuse_silence(http: httpx.AsyncClient) -> None:
    try:
        await http.get("/livez")
    except httpx.TransportError as error:
        raise Trouble(f"nothing answers at {http.base_url}: {error}; make up or make start starts the stack") from None


def _customers(
    credentials: Credentials, assortment: Assortment, terms: Terms, *, http: httpx.AsyncClient, pace: Pace, tally: Tally
) -> Iterator[Customer]:
    logins: list[Login] = [credentials.customer, *credentials.regulars] * AT_ONCE
    for number, login in enumerate(logins):
        yield Customer(Visitor(http, login, pace=pace, tally=tally), assortment, _dice(terms, f"customer {number}"))


def _dice(terms: Terms, who: str) -> random.Random:
    """Each has dice of their own: what one does must not depend on how fast another is."""
    return random.Random(f"{terms.seed} {who}")  # noqa: S311  # they decide what to buy, not a key


@asynccontextmanager
async def _at_work(*people: Staff | Customer) -> AsyncIterator[None]:
    """While these go about their business. Raises the first Trouble that one of them has."""
    try:
        async with asyncio.TaskGroup() as tasks:
            busy = [tasks.create_task(one.run()) for one in people]
            yield
            for task in busy:
                task.cancel()
    except* Trouble as troubles:
        raise troubles.exceptions[0] from None


@asynccontextmanager
async def _said(tally: Tally) -> AsyncIterator[None]:
    """While a line says how it goes: each second on a terminal, less often where the output is kept."""
    task = asyncio.create_task(_say(tally))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _say(tally: Tally) -> None:
    is_moving = sys.stdout.isatty()
    every = 1 if is_moving else SECONDS_BETWEEN_LINES
    before = tally.requests
    try:
        while True:
            await asyncio.sleep(every)
            line = tally.line(a_second=(tally.requests - before) / every)
            before = tally.requests
            console.say(f"\r{line}{ERASE_REST}" if is_moving else line, end="" if is_moving else "\n")
    finally:
        if is_moving:
            console.say()


async def _until_closing(seconds: float | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stopped.set)
    with suppress(TimeoutError):
        await asyncio.wait_for(stopped.wait(), seconds)
