"""The least that FastAPI and PostgreSQL can do together: a product, and a page of fifty, by raw asyncpg. Measurements compare ours with it.

As somebody writes it who wants it fast: no models, orjson writes what the driver has read, each worker has as many connections as one of
ours. Whoever may read, and how often, is not asked; there is no log line, no id and no metric.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from fastapi import FastAPI, Request, Response

CONNECTIONS = 5
_PRODUCT = """
    SELECT product_id AS id, sku, name, description, category, attributes, price_minor, currency, status, created_at, updated_at, version
      FROM products
"""
_ONE = f"{_PRODUCT} WHERE sku = $1"
_PAGE = f"{_PRODUCT} WHERE status = 'active' AND sku > $1 ORDER BY sku LIMIT 50"


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["ASYNCPG_URL"]
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS, init=_read_json) as app.state.pool:
        yield


async def _read_json(connection: "asyncpg.Connection") -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=orjson.dumps, decoder=orjson.loads)


app = FastAPI(lifespan=_pool)


@app.get("/v1/products/{sku}")
async def read(sku: str, request: Request) -> Response:
    return _json(dict(await request.app.state.pool.fetchrow(_ONE, sku)))


@app.get("/v1/products")
async def page(after: str, request: Request) -> Response:
    rows = await request.app.state.pool.fetch(_PAGE, after)
    return _json({"items": [dict(row) for row in rows], "next": rows[-1]["sku"]})


def _json(answer: dict[str, object]) -> Response:
    return Response(
        orjson.dumps(answer, default=str, option=orjson.OPT_UTC_Z), media_type="application/json"
    )  # the driver has its own UUID
