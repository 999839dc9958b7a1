"""Without these, a password, a database or a socket file in the URL is not what Redis is asked with."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis as Client
from redis.exceptions import RedisError

from services.runtime.redis import open_redis
from tests.support.own_valkey import OwnValkey

_PATIENT_SECONDS = 10.0


async def test_a_url_says_who_asks_with_which_password_and_which_database(own_valkey: OwnValkey) -> None:
    place = urlsplit(own_valkey.url).netloc
    async with Client.from_url(own_valkey.url) as operator:
        await operator.acl_setuser("shop", enabled=True, passwords=["+pa:ss/word"], keys=["*"], commands=["+@all"])
        await operator.config_set("requirepass", "secret")
    for who, database in ((":secret@", 0), (":secret@", 2), ("shop:pa%3Ass%2Fword@", 3)):
        async with open_redis(f"redis://{who}{place}/{database}", timeout_seconds=_PATIENT_SECONDS) as redis:
            [me] = [dict(fact.split(b"=", 1) for fact in (await redis.ask("CLIENT", "INFO")).split())]
            assert (me[b"db"], me[b"name"]) == (str(database).encode(), b"holdfast")
            assert me[b"user"] == (b"shop" if "shop" in who else b"default")
    for stranger in ("", ":wrong@", "shop:wrong@"):
        async with open_redis(f"redis://{stranger}{place}/0", timeout_seconds=_PATIENT_SECONDS) as redis:
            with pytest.raises(RedisError):
                await redis.ask("PING")


async def test_a_url_may_name_a_socket_file(cache_url: str, tmp_path: Path) -> None:
    target = urlsplit(cache_url)
    is_over = asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection(target.hostname, target.port)
        await asyncio.gather(pass_on(reader, to_redis), pass_on(from_redis, writer))
        await asyncio.gather(to_redis.wait_closed(), writer.wait_closed())
        is_over.set()

    async with await asyncio.start_unix_server(serve, tmp_path / "redis.sock"):
        async with open_redis(f"unix://{tmp_path}/redis.sock?db=1", timeout_seconds=_PATIENT_SECONDS) as redis:
            assert await redis.ask("ECHO", "own") == b"own"
        await is_over.wait()
