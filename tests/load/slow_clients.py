"""What everybody else notices of 500 clients that never finish their requests.

    python -m tests.load.slow_clients [--rounds 3] [--seconds 8] [--workers 2]

Starts a PostgreSQL, a Valkey and an API of its own. Each round reads a cached product 50 times a second, alone and beside 500
connections that send their heads a byte at a time and come back whenever they are cut off. Exits with 1 if the median p99 beside them
is more than one and a half times the p99 alone.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import httpx

from tests.load.cached_get import PATH, copied, own_api, own_servers
from tests.support.leash import Leash
from tests.support.settings import Where

SLOW_CLIENTS = 500
BYTES_EVERY_SECONDS = 1.0
SETTLED_SECONDS = 2  # for them to start and connect
READS_PER_SECOND = 50
SLOWER_MAX = 1.5
_HEAD = b"GET /v1/products HTTP/1.1\r\nHost: slow\r\nX-Padding: " + b"x" * 100


async def measure(where: Where, folder: Path, leash: Leash, *, workers: int, rounds: int, seconds: float) -> bool:
    async with own_api(where, folder, leash, workers=workers) as url:
        await copied(url)
        await p99_ms(url, 2)  # warm
        ratios = []
        for _ in range(rounds):
            alone = await p99_ms(url, seconds)
            with slow_clients(url):
                beside = await p99_ms(url, seconds)
            ratios.append(beside / alone)
            print(f"p99 alone {alone:6.1f} ms, beside {SLOW_CLIENTS} slow clients {beside:6.1f} ms, ratio {beside / alone:.2f}", flush=True)
    print(f"the median ratio is {median(ratios):.2f}")
    return median(ratios) <= SLOWER_MAX


async def p99_ms(url: str, seconds: float) -> float:
    """Of reads that are due at equal distances, counted from when they were due."""
    spent: list[float] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:

        async def read(due: float) -> None:
            (await http.get(PATH)).raise_for_status()
            spent.append(time.perf_counter() - due)

        async with asyncio.TaskGroup() as reads:
            began = time.perf_counter()
            for number in range(round(seconds * READS_PER_SECOND)):
                due = began + number / READS_PER_SECOND
                await asyncio.sleep(max(due - time.perf_counter(), 0))
                reads.create_task(read(due))
    return quantiles(spent, n=100)[98] * 1_000


@contextmanager
def slow_clients(url: str) -> Iterator[None]:
    """So many at once, in a process of their own: who measures must not be busy with them."""
    port = urlsplit(url).port or 0
    process = multiprocessing.get_context("spawn").Process(target=_dawdle_all, args=(port,), daemon=True)
    process.start()
    time.sleep(SETTLED_SECONDS)
    yield
    process.kill()
    process.join()


def _dawdle_all(port: int) -> None:
    async def all_of_them() -> None:
        await asyncio.gather(*(_dawdle(port) for _ in range(SLOW_CLIENTS)))

    asyncio.run(all_of_them())


async def _dawdle(port: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for byte in _HEAD:
                writer.write(bytes([byte]))
                with suppress(TimeoutError):
                    async with asyncio.timeout(BYTES_EVERY_SECONDS):
                        await reader.read(1)  # of the refusal, or the end
                        break
            writer.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, workers=chosen.workers, rounds=chosen.rounds, seconds=chosen.seconds)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
