"""How many cached products a second leave the edge, beside the least that FastAPI can do.

    python -m tests.load.cached_get [--workers 1] [--rounds 5] [--seconds 5]

Needs wrk (Debian's package). Starts a PostgreSQL, a Valkey, an API with limits, ids and log on, and a FastAPI app with one route
that returns the same bytes with nothing else; both on as many uvicorn workers, asked in turn over 64 connections. Exits with 1 if ours
is slower.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median

import asyncpg
import httpx

from tests.support.database import migrate
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.program import Program, free_port
from tests.support.servers import embedded_postgres, embedded_valkey
from tests.support.settings import Where

CONNECTIONS = 64
PATH = "/v1/products/TEE-M"
_IN_TURN = Path(__file__).with_name("paths.lua")
PRODUCT = """
    INSERT INTO products (product_id, sku, name, description, category, price_minor, currency)
    VALUES (gen_random_uuid(), 'TEE-M', 'Holdfast tee, M', 'Cotton, 180 g/m²', 'clothing', 2200, 'EUR')
"""


@contextmanager
def own_servers() -> Iterator[tuple[Where, Path, Leash]]:
    """A PostgreSQL with one product, an empty Valkey, and nothing left of them afterwards."""
    leash = Leash()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-load-"))
    leash.remove_in_the_end(folder)
    try:
        with embedded_postgres(folder, leash, is_durable=True) as database_url, embedded_valkey(folder, leash) as cache_url:
            migrate(database_url)
            yield Where(database_url=database_url, cache_url=cache_url), folder, leash
    finally:
        leash.close()


async def add_product(url: str) -> None:
    """The one that is read."""
    connection = await asyncpg.connect(url)
    await connection.execute(PRODUCT)
    await connection.close()


@asynccontextmanager
async def own_api(where: Where, folder: Path, leash: Leash, *, workers: int) -> AsyncIterator[str]:
    """The URL of an API as it is shipped, but for limits that nobody can reach."""
    await add_product(where.database_url)
    api = await Processes(where, folder, leash).api(workers=workers, rate_limit_factor="1000000", redis_timeout_ms="50")
    try:
        yield api.url
    finally:
        await api.program.stop()


@asynccontextmanager
async def trivial_app(body: bytes, folder: Path, leash: Leash, *, workers: int) -> AsyncIterator[str]:
    async with plain_app("tests.load.trivial", folder, leash, workers=workers, TRIVIAL_BODY=body.decode()) as (url, _):
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            assert (await http.get(PATH)).content == body
        yield url


@asynccontextmanager
async def plain_app(module: str, folder: Path, leash: Leash, *, workers: int, **environment: str) -> AsyncIterator[tuple[str, Program]]:
    """An app to compare ours with, as soon as it answers: its URL, and what runs there."""
    port = free_port()
    command = ("uvicorn", f"{module}:app", "--port", str(port), "--workers", str(workers), "--no-access-log", "--no-server-header")
    program = Program(*command, environment={**os.environ, **environment}, log=folder / f"{module}.log", leash=leash)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        while True:
            try:
                await http.get("/")
                break
            except httpx.TransportError:
                assert program.is_running, program.tail
                await asyncio.sleep(0.1)
    yield url, program
    await program.stop()


async def rate(url: str, seconds: int, paths: Path | None = None) -> float:
    """Requests a second for the product, or for the paths of a file in turn; every one of them succeeded."""
    asked = [url + PATH] if paths is None else ["--script", str(_IN_TURN), url, "--", str(paths)]
    command = ("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", *asked)
    said = await asyncio.to_thread(subprocess.check_output, command, text=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None or "Non-2xx" in said:
        raise AssertionError(said)
    return float(found[1])


async def measure(where: Where, folder: Path, leash: Leash, *, workers: int, rounds: int, seconds: int) -> bool:
    async with own_api(where, folder, leash, workers=workers) as ours:
        body = await copied(ours)
        async with trivial_app(body, folder, leash, workers=workers) as trivial:
            ratios = [await _compare(ours, trivial, seconds) for _ in range(rounds)]
    print(f"{workers} workers, {os.cpu_count()} cores: the median ratio is {median(ratios):.2f}")
    return median(ratios) >= 1


async def copied(url: str) -> bytes:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        await http.get(PATH)
        answer = await http.get(PATH)
    assert answer.headers["X-Cache"] == "hit", answer.headers
    return answer.content


async def _compare(ours: str, trivial: str, seconds: int) -> float:
    mine, theirs = await rate(ours, seconds), await rate(trivial, seconds)
    print(f"ours {mine:8.0f} a second, trivial {theirs:8.0f}, ratio {mine / theirs:.2f}")
    return mine / theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, workers=chosen.workers, rounds=chosen.rounds, seconds=chosen.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
