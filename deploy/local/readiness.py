"""When a process of the stack can be used, as opposed to merely running."""

import asyncio
import http.client
import json
import socket
from urllib.parse import urlsplit

import asyncpg

from deploy.local import ports
from deploy.local.environment import DATABASE, Stack

ANSWER_SECONDS_MAX = 2


def postgres(stack: Stack) -> str | None:
    """None when the server takes queries and has our database, else what is missing; creates the database."""
    try:
        asyncio.run(_create_database(stack))
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return f"PostgreSQL does not take queries yet: {error}"
    return None


async def _create_database(stack: Stack) -> None:
    maintenance = f"postgresql://postgres@127.0.0.1:{stack.postgres_port}/postgres"
    connection = await asyncpg.connect(maintenance, timeout=ANSWER_SECONDS_MAX)
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def broker(stack: Stack) -> str | None:
    """None when it answers, which it does not while it reads its append-only file."""
    return _valkey(stack.redis_port("broker"))


def cache(stack: Stack) -> str | None:
    return _valkey(stack.redis_port("cache"))


def _valkey(port: int) -> str | None:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(100)
    except OSError as error:
        return f"Valkey does not answer yet: {error}"
    return None if answer.startswith(b"+PONG") else f"Valkey answers {answer.decode(errors='replace').strip()}"


def mail(stack: Stack) -> str | None:
    missing = [port for port in (stack.smtp_port, stack.mailbox_port) if not ports.answers(port)]
    return f"nothing listens on port {missing[0]} yet" if missing else None


def api(stack: Stack) -> str | None:
    """None when `/readyz` is 200, else what it says."""
    address = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(address.hostname or "", stack.api_port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read(10_000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"nothing answers at {stack.api_url}/readyz: {error}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{stack.api_url}/readyz answers {answer.status}: {_fault(body)}"


def _fault(body: str) -> str:
    try:
        return str(json.loads(body).get("database", body))
    except (ValueError, AttributeError):
        return body
