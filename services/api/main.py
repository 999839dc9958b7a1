"""The HTTP API: the one place that puts it together."""

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send
from uvicorn import _subprocess

from services.api import errors
from services.api.account import pages as account_pages
from services.api.client_address import TrustedProxies
from services.api.counts import Counts
from services.api.dependencies import Assembled
from services.api.docs import pages as docs_pages
from services.api.document import ABOUT, Documented
from services.api.edge import Edge, PreflightEdge
from services.api.errors import KEY_HEADER
from services.api.fast_path import FastPath
from services.api.gate import Gate
from services.api.guards import Guards
from services.api.metrics import of_app
from services.api.middleware import EveryRequest
from services.api.once import REPLAYED_HEADER
from services.api.protocol import GuardedProtocol
from services.api.route_table import RouteTable, StraightToRoute
from services.api.routes import (
    accounts,
    admin,
    audit,
    auth,
    credentials,
    dead_letters,
    health,
    ledger,
    levels,
    movements,
    notifications,
    products,
    reservation_list,
    reservations,
    stock,
    transitions,
    warehouses,
)
from services.inventory.accounts.access import Access
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.sessions import RefreshTokens
from services.inventory.accounts.tokens import Tokens
from services.inventory.catalog.copies import product_key, warehouse_key
from services.inventory.reservations.batching import open_batches
from services.runtime.cache import Cache
from services.runtime.error_reporting import reporting
from services.runtime.logs import log, write_out_logs
from services.runtime.loop_delay import watch_loop
from services.runtime.metrics import export
from services.runtime.paging import Cursors
from services.runtime.redis import open_redis
from services.runtime.resources import open_resources
from services.runtime.settings import Settings
from services.runtime.startup import start_process

KEEP_ALIVE_SECONDS = 75  # longer than a proxy keeps its side, so that the proxy never writes to a closed connection
GARBAGE_MIN = 50_000  # objects more than there were: some dozens of requests at once, where Python's own 700 are one or two
STOP_SECONDS = 20  # to finish what was accepted
WORKER_SECONDS = 3  # until a worker that does not answer uvicorn is replaced: one that was killed while it asked, then within five

# What a page of another origin may read besides the body and its type.
_READABLE = ("ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID", "X-Cache", REPLAYED_HEADER)

_ROUTERS = (
    auth.router,
    credentials.router,
    accounts.router,
    products.router,
    warehouses.router,
    stock.router,
    levels.router,
    movements.router,
    ledger.router,
    reservation_list.router,
    reservations.router,
    transitions.router,
    notifications.router,
    dead_letters.router,
    admin.router,
    audit.router,
)
_COPIED = {products.read_product: product_key, warehouses.read_warehouse: warehouse_key}


class Holdfast(Documented):
    """Asks the fast path first, if there is one."""

    fast_path: FastPath | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.fast_path is not None and scope["type"] == "http":
            scope["app"] = self
            try:
                if await self.fast_path.answer(scope, send):
                    return
            except Exception as error:
                if "status" in scope:  # half of an answer has left
                    raise
                reporting.report(error, route="fast path")
                log.exception("fast_path.failed")
        await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """The app that every process serves and every test calls. Opens nothing before it is started."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _assemble(settings) as app.state.assembled:
            yield
        write_out_logs()

    app = Holdfast(
        **ABOUT,
        lifespan=lifespan,
        docs_url=None,  # services/api/docs serves them without the internet
        redoc_url=None,
        redirect_slashes=False,  # a redirect to wherever the Host header says is no answer of ours
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
    )
    errors.install(app)
    for router in _ROUTERS:
        app.include_router(router, prefix="/v1")
    app.include_router(health.router)
    app.include_router(docs_pages.router)
    app.include_router(account_pages.router)
    app.state.templates = {context.endpoint: context.path for context in iter_route_contexts(app.routes)}
    app.state.table = RouteTable(app.routes, limit_factor=settings.rate_limit_factor, has_plans=settings.fast_path == "on")
    app.router.middleware_stack = StraightToRoute(app.router.middleware_stack)
    app.state.counts = Counts()
    proxies = TrustedProxies(settings.trusted_proxies)
    _guard(app, settings, proxies)
    if settings.fast_path == "on":
        app.fast_path = FastPath(app.state.table, proxies, app.state.counts, _COPIED)
    return app


@asynccontextmanager
async def _assemble(settings: Settings) -> AsyncIterator[Assembled]:
    """What the routes work with, for as long as the app runs."""
    timeout_seconds = settings.redis_timeout_ms / 1_000
    async with (
        open_resources(settings, application="holdfast-api") as resources,
        open_batches(resources.database) as batches,
        open_redis(settings.cache_url.get_secret_value(), timeout_seconds=timeout_seconds) as redis,
        watch_loop() as loop_delay,
    ):
        with Passwords(settings) as passwords:
            access = Access(resources.database, Tokens(settings))
            cache = Cache(redis if settings.cache == "on" else None)
            yield Assembled(
                *(resources, batches if settings.batching == "on" else None, passwords, RefreshTokens(settings), access, Cursors(settings)),
                *(redis, cache, Gate(redis, cache, settings), loop_delay),
            )


def _guard(app: FastAPI, settings: Settings, proxies: TrustedProxies) -> None:
    """What stands around the routes, from the inside out: the last one added is the first to see a request."""
    app.add_middleware(Edge)
    app.add_middleware(Guards, counts=app.state.counts)
    if settings.cors_origins:
        _let_browsers_in(app, settings.cors_origins)
    app.add_middleware(EveryRequest, proxies=proxies, counts=app.state.counts)


def _let_browsers_in(app: FastAPI, origins: Sequence[str]) -> None:
    """Pages of these origins, and no others, may read our answers. They send tokens, never cookies, so no credentials are allowed."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("Authorization", "If-Match", "If-None-Match", KEY_HEADER, "X-Request-ID"),
        expose_headers=_READABLE,
    )
    app.add_middleware(PreflightEdge)


def serve() -> FastAPI:
    """What each worker of the server runs."""
    settings = start_process(logs_in_background=True)
    reporting.start(settings, "api")
    app = create_app(settings)
    export(settings, "api", lambda: of_app(app))
    _spare_the_collector()
    return app


def _spare_the_collector() -> None:
    """What was imported lives as long as the process, and what a request makes dies with it: to look for garbage there finds none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_MIN, 20, 20)


def _share_with_workers() -> None:
    """Have uvicorn fork its workers and not spawn them: they start at once, with what was imported here, and share its memory.

    To call while this process has one thread and no connection: a copy of either would be of no use to a worker.
    """
    _subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]  # uvicorn offers no other way to say so
    os.register_at_fork(after_in_child=_end_on_signals)
    gc.collect()
    gc.freeze()  # a page that the collector writes to is no longer shared


def _end_on_signals() -> None:
    """Until a worker serves: uvicorn's parent only notes them, and what a worker has of its parent's would never look at the note."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())


def main() -> None:
    settings = start_process()
    _share_with_workers()
    uvicorn.run(
        "services.api.main:serve",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.api_workers,
        log_config=None,  # its lines are lines of ours (services/runtime/logs.py)
        access_log=False,  # the canonical line says more
        server_header=False,
        proxy_headers=False,  # services/api/client_address.py decides whom to believe
        http=GuardedProtocol,
        ws="none",
        log_level="error",  # what it warns of is what clients do wrong, and that has lines of ours
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
