"""What a run ran on, as its report says it."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from tests.support.sources import ROOT

_LIBRARIES = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "sqlalchemy", "asyncpg", "celery")
_CPUINFO = Path("/proc/cpuinfo")


def processor() -> str:
    if _CPUINFO.exists():
        names = [line.partition(":")[2].strip() for line in _CPUINFO.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


async def versions(database_url: str, cache_url: str | None) -> dict[str, str]:
    """Of the clone, of what it stands on, and of the servers that can be asked."""
    connection = await asyncpg.connect(database_url)
    found = {"holdfast": _commit(), "python": platform.python_version(), "postgres": await connection.fetchval("SHOW server_version")}
    await connection.close()
    if cache_url:
        async with Redis.from_url(cache_url) as client:
            server = await client.info("server")
        found["valkey"] = server.get("valkey_version", server["redis_version"])
    return found | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _commit() -> str:
    """Of the clone; its `-dirty` says that something had been changed."""
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or importlib.metadata.version("holdfast")
