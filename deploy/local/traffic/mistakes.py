"""What people and their programs get wrong, so that there are refusals of every kind to look at."""

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping

from deploy.local.exchange import Request
from deploy.local.traffic.visitor import Visitor


async def make_one(visitor: Visitor, dice: random.Random) -> None:
    [mistake] = dice.choices(list(_MISTAKES), list(_MISTAKES.values()))
    await mistake(visitor)
    visitor.tally.note("mistaken")


async def _follow_an_old_link(visitor: Visitor) -> None:
    await visitor.look("/v1/products/GONE-WITH-THE-SEASON")  # 404


async def _go_nowhere(visitor: Visitor) -> None:
    await visitor.look("/wp-login.php")  # 404 of no route


async def _order_nothing(visitor: Visitor) -> None:
    await _order(visitor, [{"sku": "MUG", "quantity": 0}])  # 422


async def _order_what_nobody_has(visitor: Visitor) -> None:
    await _order(visitor, [{"sku": "UNICORN", "quantity": 1}])  # 422


async def _forget_the_key(visitor: Visitor) -> None:
    await visitor.ask(Request("POST", "/v1/reservations", body={"lines": [{"sku": "MUG", "quantity": 1}]}))  # 400


async def _turn_a_torn_page(visitor: Visitor) -> None:
    await visitor.look("/v1/products?cursor=torn")  # 400


async def _order(visitor: Visitor, lines: list[dict[str, object]]) -> None:
    await visitor.ask(Request("POST", "/v1/reservations", body={"lines": lines}, key=str(uuid.uuid4())))


# How often, to each other. A sign-in costs a third of a second of a processor, and ten a minute for one address are the limit.
_MISTAKES: Mapping[Callable[[Visitor], Awaitable[None]], int] = {
    _follow_an_old_link: 6,
    _go_nowhere: 2,
    _order_nothing: 3,
    _order_what_nobody_has: 2,
    _forget_the_key: 2,
    _turn_a_torn_page: 1,
    Visitor.mistype: 3,
}
