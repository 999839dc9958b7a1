"""What is left of the API when ten times as much is asked of it as it can answer.

    python -m tests.load.overload [--rounds 3] [--seconds 5] [--workers 1] [--times 10]

Starts a PostgreSQL and an API of its own. Each round finds what a few clients get who ask one question after another, then asks
so many times that much by the clock, whatever the answers are, and then the first again. Exits with 1 if the flood leaves less
than 80 % of what the calm before and after it had, or the calm after less than 80 % of the calm before.
"""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from statistics import mean
from time import monotonic

from tests.load.sign_in import own_server
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.program import Program
from tests.support.settings import Where, environment

import asyncpg  # isort: skip

PATH = "/v1/availability?sku=TEE&consistency=strong"  # a read that no cache answers
CALM_CLIENTS = 32
FLOOD_CLIENTS = 1_000
KEPT_MIN = 0.8
PATIENCE_SECONDS = 3.0  # a client that is refused and comes back at once is held at the door for up to three
REST_SECONDS = 3.0  # the target for recovering is five


async def ask(port: int, clients: int, seconds: float, *, per_second: float | None) -> Counter[str]:
    """What became of so many requests a second, or of one after another if no number is given, from so many clients."""
    heard: Counter[str] = Counter()
    began = monotonic() + 0.2
    due = iter(range(sys.maxsize))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.set_write_buffer_limits(high=65_536)
        while True:
            now = monotonic()
            start = began + next(due) / per_second if per_second else max(now, began)
            if start > began + seconds:
                break
            if start > now:
                await asyncio.sleep(start - now)
            elif now - start > PATIENCE_SECONDS:
                heard["not sent, for every client was waiting"] += 1
                continue
            writer.write(f"GET {PATH} HTTP/1.1\r\nHost: load\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            heard[head[9:12].decode() + (" too late" if monotonic() - now > PATIENCE_SECONDS else "")] += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return heard


async def measure(port: int, chosen: argparse.Namespace) -> bool:
    calm, flood = [], []
    for _ in range(chosen.rounds):
        calm.append(report("calm", await ask(port, CALM_CLIENTS, chosen.seconds, per_second=None), chosen.seconds))
        flooded = await ask(port, FLOOD_CLIENTS, chosen.seconds, per_second=chosen.times * calm[-1])
        flood.append(report(f"{chosen.times} times as much", flooded, chosen.seconds))
        await asyncio.sleep(REST_SECONDS)
    calm.append(report("calm", await ask(port, CALM_CLIENTS, chosen.seconds, per_second=None), chosen.seconds))
    kept, recovered = mean(flood) / mean(calm), mean(calm[1:]) / mean(calm[:-1])
    print(f"The flood left {kept:.0%}; afterwards there was {recovered:.0%}.")
    return min(kept, recovered) >= KEPT_MIN


def report(name: str, heard: Counter[str], seconds: float) -> float:
    others = ", ".join(f"{count / seconds:.0f}/s {what}" for what, count in heard.most_common() if what != "200")
    print(f"{name:20} {heard['200'] / seconds:6.0f}/s 200   {others}", flush=True)
    return heard["200"] / seconds


async def own_api(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    migrating = Program("services.cli.main", "migrate", environment=environment(where), log=folder / "migrate.log", leash=leash)
    await migrating.ended(within_seconds=60)
    connection = await asyncpg.connect(where.database_url)
    await connection.execute("INSERT INTO products (product_id, sku, name) VALUES (gen_random_uuid(), 'TEE', 'Tee')")
    await connection.close()
    api = await Processes(where, folder, leash).api(workers=chosen.workers, rate_limit_factor="0")  # one address asks for all
    try:
        return await measure(api.port, chosen)
    finally:
        await api.program.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="of calm and flood")
    parser.add_argument("--seconds", type=float, default=5, help="of each")
    parser.add_argument("--workers", type=int, default=1, help="of the API")
    parser.add_argument("--times", type=int, default=10, help="what the calm had")
    chosen = parser.parse_args()
    with own_server() as server:
        return 0 if asyncio.run(own_api(*server, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
