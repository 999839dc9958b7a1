"""What a notification keeps of its own, from the JSON that its row has."""

from datetime import datetime
from typing import TypedDict

from services.inventory.notifications.model import Crossing, StockNews


class _CrossingFacts(TypedDict):
    kind: str
    sku: str
    name: str
    warehouse: str
    available: int
    low_stock_at: int
    crossed_at: str


class NewsFacts(TypedDict):
    out: int
    low: int
    crossings: list[_CrossingFacts]


def news_of(facts: NewsFacts) -> StockNews:
    return StockNews(facts["out"], facts["low"], tuple(_crossing(one) for one in facts["crossings"]))


def _crossing(facts: _CrossingFacts) -> Crossing:
    return Crossing(
        kind=facts["kind"],
        sku=facts["sku"],
        name=facts["name"],
        warehouse=facts["warehouse"],
        available=facts["available"],
        low_stock_at=facts["low_stock_at"],
        crossed_at=datetime.fromisoformat(facts["crossed_at"]),
    )
