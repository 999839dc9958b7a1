"""A crowd that buys over HTTP: wrk with a token for each of a thousand customers, and a key of its own for each request."""

import asyncio
import re
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.inventory.accounts.model import Role
from services.inventory.accounts.permissions import Caller
from tests.load.ground import CUSTOMERS, WAREHOUSE, own_shop, tokens_of_crowd
from tests.support.crowd import account_of_crowd
from tests.support.settings import Where, settings
from tests.support.shop import Shop

_SCRIPT = Path(__file__).with_name("place.lua")
_PER_SECOND = re.compile(r"Requests/sec:\s+([\d.]+)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_ALL = re.compile(r"(\d+) requests in")


@dataclass(frozen=True, slots=True)
class Answers:
    per_second: float
    refused: float  # of all of them


@dataclass(frozen=True, slots=True)
class Buyers:
    tokens: Path

    async def buy(self, url: str, skus: Sequence[str], *, connections: int, seconds: int) -> Answers:
        """One unit at a time of one sku after another, for so long, as fast as there are answers."""
        wrk = ("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--script", str(_SCRIPT))
        said = await asyncio.to_thread(
            subprocess.check_output, (*wrk, url, "--", uuid.uuid4().hex, str(self.tokens), WAREHOUSE, *skus), text=True
        )
        [per_second], [every] = _PER_SECOND.findall(said), _ALL.findall(said)
        return Answers(float(per_second), sum(map(int, _REFUSED.findall(said))) / int(every))


async def open_for_buyers(where: Where, folder: Path, skus: Sequence[str], *, sold_out: Sequence[str] = ()) -> Buyers:
    """A shop of these, and of what it has no more of; and those who may buy there."""
    chosen = settings(where)
    async with own_shop(where.database_url, skus) as loaded:
        shop = Shop(loaded.ours, Caller(account_of_crowd(1), Role.CUSTOMER))
        for sku in sold_out:
            await shop.product(sku)
            await shop.stock(sku, WAREHOUSE, 0)
        tokens = await tokens_of_crowd(loaded.ours, chosen, CUSTOMERS)
    file = folder / "tokens"
    file.write_text("\n".join(tokens))
    return Buyers(file)
