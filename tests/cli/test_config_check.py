"""Without these, a deployment starts with a setting that cannot work, and hears of it from its customers."""

import asyncio
import re
import socket
import subprocess
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.runtime.readiness import newest_migration
from services.runtime.settings import PREFIX, Settings
from tests.cli.test_cli import holdfast
from tests.support.database import Database
from tests.support.leash import Leash
from tests.support.mail import Mails
from tests.support.own_broker import own_broker
from tests.support.scripted_smtp import scripted_smtp

COMPLETE = "The settings are complete."
CANARY = "hunter2"
SERVERS = ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "SMTP_URL")
REFUSED = "nothing listens there; start the server, or correct host and port"
STRANGER = "it does not let us in; correct the user name and the password"


@pytest.fixture
def servers_of_all(database: Database, broker_url: str, cache_url: str, mails: Mails) -> dict[str, str]:
    urls = {"database_url": database.url, "broker_url": broker_url, "cache_url": cache_url, "smtp_url": mails.url}
    return {PREFIX + name.upper(): url for name, url in urls.items()}


async def check(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(holdfast, "config", "check", **variables)


async def fault_of(variables: dict[str, str], setting: str) -> str:
    """The one sentence that is said, which is about this setting."""
    result = await check(variables)
    assert result.returncode == 1, result.stdout
    assert CANARY not in result.stdout + result.stderr
    [(name, sentence)] = re.findall(r"^(\w+): (.+)$", result.stderr, re.MULTILINE)
    assert name == PREFIX + setting
    return str(sentence)


async def test_where_all_is_well_every_server_answers(servers_of_all: dict[str, str]) -> None:
    result = await check(servers_of_all)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [COMPLETE, *(f"{PREFIX}{name} answers." for name in SERVERS)]


async def test_servers_that_do_not_answer_are_named_all_at_once() -> None:
    result = await check({})

    assert (result.returncode, result.stdout) == (1, f"{COMPLETE}\n")
    assert result.stderr.splitlines() == [f"{PREFIX}{name}: {REFUSED}" for name in SERVERS]


def test_before_there_are_servers_the_settings_can_be_checked_alone() -> None:
    result = holdfast("config", "check", "--no-servers")

    assert (result.returncode, result.stdout, result.stderr) == (0, f"{COMPLETE}\n", "")


async def test_a_schema_that_was_not_migrated_is_a_fault(servers_of_all: dict[str, str], empty_database: Database) -> None:
    fault = await fault_of(servers_of_all | {"HOLDFAST_DATABASE_URL": empty_database.url}, "DATABASE_URL")

    assert fault == f"the schema is older than the code, which needs {newest_migration()}; run `holdfast migrate`"


async def test_behind_a_pooler_time_limits_must_be_in_force(servers_of_all: dict[str, str], database: Database) -> None:
    pooled = servers_of_all | {"HOLDFAST_DIRECT_DATABASE_URL": f"{database.url}?application_name=direct"}

    fault = await fault_of(pooled, "DATABASE_URL")

    assert fault == "lock_timeout or statement_timeout is not in force; behind a pooler, set them on the role"


async def test_the_way_past_the_pooler_is_tried_too(servers_of_all: dict[str, str], database: Database) -> None:
    await database.do("ALTER ROLE CURRENT_USER SET lock_timeout = '400ms'")
    await database.do("ALTER ROLE CURRENT_USER SET statement_timeout = '5s'")
    pooled = servers_of_all | {"HOLDFAST_DIRECT_DATABASE_URL": f"postgresql://me:{CANARY}@127.0.0.1:1/none"}

    try:
        assert await fault_of(pooled, "DIRECT_DATABASE_URL") == REFUSED
    finally:
        await database.do("ALTER ROLE CURRENT_USER RESET ALL")


@pytest.mark.parametrize(
    ("setting", "old", "new", "fault"),
    [
        ("DATABASE_URL", r"/holdfast_test\w+", f"/{CANARY}", "it has no such database; create it, or correct the name"),
        ("DATABASE_URL", r"//\w+(:\w+)?@", f"//{CANARY}:{CANARY}@", STRANGER),
        ("DATABASE_URL", r"//.+", f"//{CANARY}.invalid/none", "no host has that name; correct it"),
        ("CACHE_URL", "//", f"//{CANARY}:{CANARY}@", STRANGER),
        ("SMTP_URL", "//", f"//me:{CANARY}@", "it offers no encryption or no sign-in; correct the scheme, or its configuration"),
    ],
)
async def test_what_is_wrong_with_a_server_is_said_without_its_url(
    servers_of_all: dict[str, str], *, setting: str, old: str, new: str, fault: str
) -> None:
    name = PREFIX + setting

    assert await fault_of(servers_of_all | {name: re.sub(old, new, servers_of_all[name], count=1)}, setting) == fault


async def test_a_broker_that_may_forget_messages_is_a_fault(servers_of_all: dict[str, str], leash: Leash, tmp_path: Path) -> None:
    async with own_broker(tmp_path, leash) as broker:
        async with Redis.from_url(broker.url) as client:
            await client.config_set("maxmemory-policy", "allkeys-lru")

        fault = await fault_of(servers_of_all | {"HOLDFAST_BROKER_URL": broker.url}, "BROKER_URL")

    assert fault == "it may forget messages when it is full; set its maxmemory-policy to noeviction"


async def test_a_mail_server_with_a_strange_certificate_is_a_fault(servers_of_all: dict[str, str]) -> None:
    async with scripted_smtp(is_tls=True) as server:
        fault = await fault_of(servers_of_all | {"HOLDFAST_SMTP_URL": f"smtps://127.0.0.1:{server.port}"}, "SMTP_URL")

    assert fault.startswith("it is not encrypted, or its certificate cannot be verified")


async def test_a_server_that_says_nothing_is_not_waited_for(servers_of_all: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections in its name
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"

        fault = await fault_of(servers_of_all | {"HOLDFAST_CACHE_URL": url}, "CACHE_URL")

    assert fault == "no answer within 2 s; correct host and port, or open the way to it"


def test_a_misspelt_variable_is_named_beside_what_is_missing() -> None:
    result = holdfast("config", "check", HOLDFAST_DATABASE_ULR=f"postgresql://me:{CANARY}@db/x", HOLDFAST_DATABASE_URL="")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "HOLDFAST_DATABASE_URL is not set: .env.example explains it",
        "HOLDFAST_DATABASE_ULR is not a setting; did you mean HOLDFAST_DATABASE_URL?",
    ]


def test_no_setting_shows_its_value() -> None:
    result = holdfast("config", "check", "--no-servers", **{PREFIX + name.upper(): CANARY for name in Settings.model_fields})

    assert result.returncode == 1
    assert CANARY not in result.stdout + result.stderr
