"""Whether the servers that the settings name answer, and are as Holdfast needs them.

No sentence shows a value, nor what a driver says: a URL may carry a password, and drivers repeat it.
"""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from time import monotonic
from urllib.parse import urlsplit

import amqp
import asyncpg
from celery import Celery
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError

from services.runtime.database import open_database
from services.runtime.readiness import find_fault
from services.runtime.settings import PREFIX, Settings
from services.runtime.smtp import Patience, open_session

PATIENCE_SECONDS = 2  # somebody waits for the answer, and a server that can be worked with answers within milliseconds

_NO_EVICTION = "noeviction"
_NOT_LET_IN = "it does not let us in; correct the user name and the password"
_REASONS = {
    asyncpg.InvalidAuthorizationSpecificationError: _NOT_LET_IN,
    AuthenticationError: _NOT_LET_IN,
    NoPermissionError: "it does not let us do what we have to; correct what the user may do",
    amqp.AccessRefused: _NOT_LET_IN,
    amqp.NotAllowed: "it has no such virtual host, or not for this user; make it, or correct the path",
    smtplib.SMTPAuthenticationError: _NOT_LET_IN,
    smtplib.SMTPNotSupportedError: "it offers no encryption or no sign-in; correct the scheme, or its configuration",
    asyncpg.InvalidCatalogNameError: "it has no such database; create it, or correct the name",
    ssl.SSLError: "it is not encrypted, or its certificate cannot be verified; correct the scheme, or name its CA with SSL_CERT_FILE",
    socket.gaierror: "no host has that name; correct it",
    ConnectionRefusedError: "nothing listens there; start the server, or correct host and port",
    TimeoutError: f"no answer within {PATIENCE_SECONDS} s; correct host and port, or open the way to it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    setting: str
    fault: str | None  # what is wrong, and what to do about it


async def ask_servers(settings: Settings) -> list[Answer]:
    """What became of each server that the settings name, in the order of `.env.example`. All are asked at once."""
    questions = {
        "DATABASE_URL": _ask_database(settings),
        **({"DIRECT_DATABASE_URL": _ask_past_pooler(settings)} if settings.has_pooler else {}),
        "BROKER_URL": _ask_broker(settings.broker_url.get_secret_value()),
        "CACHE_URL": _ask_redis(settings.cache_url.get_secret_value()),
        "SMTP_URL": asyncio.to_thread(_ask_mail_server, settings),
    }
    return await asyncio.gather(*(_answer(PREFIX + name, question) for name, question in questions.items()))


async def _answer(setting: str, question: Awaitable[str | None]) -> Answer:
    try:
        return Answer(setting, await asyncio.wait_for(question, 2 * PATIENCE_SECONDS))  # twice: to connect, and to be answered
    except Exception as error:  # whatever a driver raises, this server is not as it should be
        return Answer(setting, _reason(error))


async def _ask_database(settings: Settings) -> str | None:
    async with open_database(settings, application="holdfast-cli") as database:
        return await database.autocommit(find_fault)


async def _ask_past_pooler(settings: Settings) -> None:
    url = settings.direct_database_url or settings.database_url
    connection = await asyncpg.connect(url.get_secret_value(), timeout=PATIENCE_SECONDS)
    await connection.close()


async def _ask_broker(url: str) -> str | None:
    if urlsplit(url).scheme.startswith("redis"):
        policy = await _ask_redis_for_policy(url)
        return None if policy == _NO_EVICTION else f"it may forget messages when it is full; set its maxmemory-policy to {_NO_EVICTION}"
    await asyncio.to_thread(_ask_rabbitmq, url)
    return None


def _ask_rabbitmq(url: str) -> None:
    limits = {"read_timeout": PATIENCE_SECONDS, "write_timeout": PATIENCE_SECONDS}
    with Celery(set_as_current=False).connection_for_write(url, connect_timeout=PATIENCE_SECONDS, transport_options=limits) as connection:
        connection.connect()


async def _ask_redis(url: str) -> None:
    async with _redis(url) as client:
        await client.ping()


async def _ask_redis_for_policy(url: str) -> str:
    """From INFO, because hosts that run Redis for others forbid CONFIG."""
    async with _redis(url) as client:
        return str((await client.info("memory"))["maxmemory_policy"])


def _redis(url: str) -> Redis:
    once = Retry(NoBackoff(), 0)
    return Redis.from_url(url, retry=once, socket_connect_timeout=PATIENCE_SECONDS, socket_timeout=PATIENCE_SECONDS)


def _ask_mail_server(settings: Settings) -> None:
    """Greet it, encrypt and sign in as before a mail, and leave."""
    url = urlsplit(settings.smtp_url.get_secret_value())
    tls = None if url.scheme == "smtp" else ssl.create_default_context()
    own_name = parseaddr(settings.mail_from)[1].partition("@")[2]
    patience = Patience(PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS)
    open_session(url, own_name=own_name, tls=tls, patience=patience, deadline=monotonic() + PATIENCE_SECONDS).hang_up()


def _reason(error: Exception) -> str:
    for cause in _causes(error):
        for kind, reason in _REASONS.items():
            if isinstance(cause, kind):
                return reason
    return f"it fails with {type(error).__name__}; its own log says why"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from, which drivers and pools wrap."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
