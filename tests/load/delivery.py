"""Mails a second, from the commit of a confirmation to the mail server's yes, with one relay and one worker of two children.

    python -m tests.load.delivery [--count 2000]

Confirms that many reservations before anything runs, so that what is measured never waits for customers. The server takes every
mail at once and keeps none. Counted between the first mail and the last: what starting takes is not delivery.
"""

import argparse
import asyncio
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from services.inventory.accounts.model import AccountId, Role
from services.inventory.accounts.permissions import Caller
from services.inventory.reservations import commands, placing
from tests.load.ground import LoadedShop, own_database, own_shop
from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.program import Program
from tests.support.scripted_smtp import ScriptedSmtp, scripted_smtp
from tests.support.servers import embedded_valkey
from tests.support.settings import Where

WAIT_SECONDS_MAX = 300


async def confirm(shop: LoadedShop, count: int) -> None:
    for n in range(count):
        key, order = shop.order(n)
        caller = Caller(AccountId(key.account_id), Role.CUSTOMER)
        placed = await placing.place(shop.ours, key, order)
        await shop.ours.transact(commands.confirm, commands.Target(placed.reservation.reservation_id, caller))


async def until(server: ScriptedSmtp, count: int) -> float:
    """When the server has taken so many, by time.perf_counter."""

    async def has_them() -> bool:
        return len(server.mails) >= count

    await eventually(has_them, within_seconds=WAIT_SECONDS_MAX)
    return time.perf_counter()


def seconds_of(program: Program) -> float:
    """CPU time of a process and its children."""
    spent = 0.0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(program.pid)
        for one in (process, *process.children()):
            times = one.cpu_times()
            spent += times.user + times.system
    return spent


async def measure(url: str, broker_url: str, folder: Path, leash: Leash, count: int) -> None:
    async with own_shop(url, ["SKU-1"]) as shop, scripted_smtp() as server:
        await confirm(shop, count)
        where = Where(database_url=url, broker_url=broker_url, smtp_url=f"smtp://127.0.0.1:{server.port}")
        processes = Processes(where, folder, leash)
        worker, relay = processes.worker(), processes.relay()
        began = await until(server, 1)
        before = {program.name: seconds_of(program) for program in (worker, relay)}
        took = await until(server, count) - began
        spent = {program.name: seconds_of(program) - before[program.name] for program in (worker, relay)}
        for program in (worker, relay):
            program.kill()
    print(f"{count} mails in {took:.1f} s: {count / took:.0f} a second, over {server.connections} connections")
    for name, seconds in spent.items():
        print(f"{name}: {seconds / took:.0%} of a core, {seconds / count * 1_000:.1f} ms for each mail")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how many mails a second one worker hands in.")
    parser.add_argument("--count", type=int, default=2_000)
    count = parser.parse_args().count
    leash = Leash()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-load-"))
    leash.remove_in_the_end(folder)
    try:
        with own_database() as url, embedded_valkey(folder, leash) as broker_url:
            asyncio.run(measure(url, broker_url, folder, leash, count))
    finally:
        leash.close()


if __name__ == "__main__":
    main()
