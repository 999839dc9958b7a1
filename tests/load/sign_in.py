"""What signing in gives away by its time, and what it costs everybody else.

    python -m tests.load.sign_in [--cost 12] [--samples 200] [--rounds 7] [--seconds 10] [--workers 1]

Starts a PostgreSQL, a Valkey and an API of its own, whose limits nobody reaches. Exits with 1 if a median is more than 5 % from that
of a wrong password, or if 200 who sign in at once more than double the p99 of reading a product that is cached. That is measured in
rounds, each with a calm of its own: what else the machine does makes one p99 ten times another, but seldom in most rounds. The
clients speak HTTP by hand: they share the cores with the API, and 200 of a real library take more of them than it does.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode

import asyncpg
import httpx
import psutil  # type: ignore[import-untyped]

from services.inventory.accounts.commands import create_account
from services.inventory.accounts.model import Role
from services.inventory.accounts.passwords import Passwords
from services.runtime.database import Database, open_database
from tests.support.leash import Leash
from tests.support.processes import Api, Processes
from tests.support.program import Program
from tests.support.servers import embedded_postgres, embedded_valkey
from tests.support.settings import Where, environment, settings
from tests.support.wire import Wire, wire

AT_ONCE = 200
READS_PER_SECOND = 50  # far from what would keep the API busy: what is measured is how long it lets others wait
APART_MAX = 0.05
SLOWER_MAX = 2.0
PASSWORD = "four words are a password"
PATH = "/v1/auth/token"
AT_IT = b"at it"
KINDS = ("known", "unknown", "disabled", "unverified")
# Of these the first has a wrong password; the others have the right one, and may not sign in all the same.
FORMS = {kind: {"username": f"{kind}@example.com", "password": "wrong" if kind == "known" else PASSWORD} for kind in KINDS}
MEMBER = {"username": "member@example.com", "password": PASSWORD}
SIGN_IN = "sign in"
STORMS = {"are refused": {"username": MEMBER["username"]}, SIGN_IN: MEMBER}


async def compare_medians(http: httpx.AsyncClient, samples: int) -> bool:
    """Sign in as each in turn, so that what else the machine does meets all alike; whether nobody can tell them apart."""
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(samples):
        for kind in KINDS:
            began = time.perf_counter()
            answer = await http.post(PATH, data=FORMS[kind])
            spent[kind].append(time.perf_counter() - began)
            assert answer.status_code == httpx.codes.UNAUTHORIZED, answer.text
    known = median(spent["known"])
    apart = {kind: median(times) / known - 1 for kind, times in spent.items()}
    for kind in KINDS:
        print(f"{kind:12} median {median(spent[kind]) * 1_000:7.1f} ms   {apart[kind]:+6.1%}")
    return all(abs(difference) <= APART_MAX for difference in apart.values())


async def compare_reads(port: int, rounds: int, seconds: float) -> bool:
    """Read a product at a steady rate: alone, beside 200 who are refused without a hash, and beside 200 who sign in.

    Whether the p99 at most doubles in most rounds, once all are at it: that two hundred knock in one instant is another matter. What
    the second adds is the price of so many requests, what the third adds to that is the hashes'.
    """
    longer: dict[str, list[float]] = {name: [] for name in STORMS}
    for _ in range(rounds):
        alone = await _read("alone", port, seconds)
        for name, times in longer.items():
            storming = await _start(name, port, seconds + 5)
            times.append(await _read(f"beside 200 who {name}", port, seconds) / alone)
            said, _ = await storming.communicate()
            print(f"    {times[-1]:.1f} times as long; {AT_ONCE} were answered {said.decode().rstrip()}")
    for name, times in longer.items():
        print(f"p99 beside 200 who {name:16} {median(times):.2f} times as long, from {min(times):.2f} to {max(times):.2f}")
    return median(longer[SIGN_IN]) <= SLOWER_MAX


async def _start(name: str, port: int, seconds: float) -> asyncio.subprocess.Process:
    """A process of their own: what they cost here must not be taken for what they cost the API. Returns when all are at it."""
    arguments = ("-m", "tests.load.sign_in", "--storm", name, "--port", str(port), "--seconds", str(seconds))
    storming = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert storming.stdout is not None
    assert (await storming.stdout.readline()).strip() == AT_IT
    return storming


async def _read(name: str, port: int, seconds: float) -> float:
    """The p99, counted from when each was due: a server that makes one wait makes those behind it wait too."""
    late: list[float] = []  # what of it is ours: we waited for a core ourselves
    idle: list[Wire] = []
    async with AsyncExitStack() as open_wires:

        async def read(due: float) -> float:
            await asyncio.sleep(due - time.perf_counter())
            late.append(time.perf_counter() - due)
            connection = idle.pop() if idle else await open_wires.enter_async_context(wire(port))
            connection.say(b"GET /v1/products/TEE HTTP/1.1\r\nHost: load\r\n\r\n")
            answer = await connection.hear()
            assert answer.status_code == httpx.codes.OK, answer.text
            idle.append(connection)
            return time.perf_counter() - due

        began = time.perf_counter() + 0.1
        times = await asyncio.gather(*(read(began + number / READS_PER_SECOND) for number in range(int(seconds * READS_PER_SECOND))))
    p50, p99, own = (1_000 * value for value in (median(times), quantiles(times, n=100)[98], quantiles(late, n=100)[98]))
    print(f"a product {name:27} p50 {p50:6.1f} ms   p99 {p99:6.1f} ms   we were late by {own:5.1f} ms")
    return p99


async def storm(port: int, seconds: float, form: Mapping[str, str]) -> None:
    """Two hundred who send this form, and come back about a second later when they are refused."""
    answers: Counter[int] = Counter()
    deadline = time.monotonic() + seconds
    body = urlencode(form).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: load\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"

    async def insist() -> None:
        async with wire(port) as connection:
            while time.monotonic() < deadline:
                connection.say(head.encode() + body)
                answer = await connection.hear()
                answers[answer.status_code] += 1
                if answers.total() == AT_ONCE:
                    print(AT_IT.decode(), flush=True)
                if answer.is_error:
                    await asyncio.sleep(random.uniform(0.5, 1.5))

    await asyncio.gather(*(insist() for _ in range(AT_ONCE)))
    print(", ".join(f"{count} times {status}" for status, count in sorted(answers.items())))


@contextmanager
def own_server() -> Iterator[tuple[Where, Path, Leash]]:
    """A PostgreSQL server and a Valkey, a folder and a leash, and nothing left of them afterwards."""
    leash = Leash()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-load-"))
    leash.remove_in_the_end(folder)
    try:
        with embedded_postgres(folder, leash, is_durable=True) as url, embedded_valkey(folder, leash) as cache_url:
            yield Where(database_url=url, cache_url=cache_url), folder, leash
    finally:
        leash.close()


@asynccontextmanager
async def own_api(where: Where, folder: Path, leash: Leash, *, cost: int, workers: int) -> AsyncIterator[Api]:
    """An API with accounts and a product."""
    migrating = Program("services.cli.main", "migrate", environment=environment(where), log=folder / "migrate.log", leash=leash)
    await migrating.ended(within_seconds=60)
    await _fill(where.database_url, cost)
    processes = Processes(where, folder, leash)
    api = await processes.api(workers=workers, bcrypt_cost=str(cost), rate_limit_factor="1000000", redis_timeout_ms="50")
    try:
        yield api
    finally:
        await api.program.stop()


async def _fill(url: str, cost: int) -> None:
    chosen = settings(Where(database_url=url), bcrypt_cost=str(cost))
    async with open_database(chosen, application="load") as database:
        with Passwords(chosen) as passwords:
            password_hash = await passwords.hash(PASSWORD)
        for name in ("known", "disabled", "unverified", "member"):
            await _join(database, name, password_hash)
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE accounts SET is_disabled = true WHERE email LIKE 'disabled%'")
    await connection.execute("UPDATE accounts SET verified_at = NULL WHERE email LIKE 'unverified%'")
    await connection.execute("INSERT INTO products (product_id, sku, name) VALUES (gen_random_uuid(), 'TEE', 'Tee')")
    await connection.close()


async def _join(database: Database, name: str, password_hash: str) -> None:
    email = f"{name}@example.com"
    await database.transact(create_account, email=email, full_name=name, role=Role.CUSTOMER, password_hash=password_hash)


async def measure(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    print(f"bcrypt at cost {chosen.cost}, {os.cpu_count()} cores, of which others take {psutil.cpu_percent(interval=1):.0f} %")
    async with own_api(where, folder, leash, cost=chosen.cost, workers=chosen.workers) as api:
        async with httpx.AsyncClient(base_url=api.url, trust_env=False, timeout=60) as http:
            is_silent = await compare_medians(http, chosen.samples)
        is_quick = await compare_reads(api.port, chosen.rounds, chosen.seconds)
    return is_silent and is_quick


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--cost", type=int, default=12, help="of bcrypt; 12 is what is shipped")
    parser.add_argument("--samples", type=int, default=200, help="of each kind of account")
    parser.add_argument("--rounds", type=int, default=7, help="of reading alone and beside others")
    parser.add_argument("--seconds", type=float, default=10, help="of reading, each time")
    parser.add_argument("--workers", type=int, default=1, help="of the API")
    parser.add_argument("--storm", choices=STORMS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.storm:
        asyncio.run(storm(chosen.port, chosen.seconds, STORMS[chosen.storm]))
        return 0
    with own_server() as server:
        return 0 if asyncio.run(measure(*server, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
