"""Without these, a bug in production is found by its victims, or its report carries their passwords out of the house."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from tests.support.api import Api, Client, api_at, confirm_one
from tests.support.database import Database
from tests.support.error_tracker import Report, Tracker
from tests.support.mail import Mails
from tests.support.members import bearer, forget, sign_in
from tests.support.people import People, Person
from tests.support.processes import Processes
from tests.support.scrape import free_metrics_port, scrape

_START_SECONDS = 30
_WITHIN_SECONDS = 30
_CANARY = "canary-4d1f"
_HASH = "$2b$12$" + "canary" * 8 + "hashs"
_RELEASE = "1.2.3"
_LOGS = ("0-services.api.log", "1-services.worker.relay.log", "2-services.worker.relay.log", "3-services.worker.main.log")


async def test_what_breaks_is_reported_from_every_process_with_its_request_and_without_a_secret(
    processes: Processes, people: People, database: Database, tracker: Tracker, tmp_path: Path
) -> None:
    database_url, password = _with_password(processes.where.database_url)
    where = replace(processes.where, database_url=database_url, smtp_url=f"smtp://me:{_CANARY}@127.0.0.1:1")
    port = free_metrics_port()
    api = await processes.api(workers=1, where=where, sentry_dsn=tracker.dsn, release=_RELEASE, metrics_port=str(port))
    async with api_at(api.url, people) as clients:
        person, secrets = await _blabs(clients, people, database)
        secrets.append(password)
        await _breaks(database, "products", "INSERT")
        await _breaks(database, "notifications", "INSERT")
        staff = await clients.staff()
        staff.http.headers["X-Request-ID"] = "breaks-the-api"
        assert (await staff.http.post("/v1/products", json={"sku": "TEE", "name": _CANARY})).status_code == 500
        assert (await forget(await clients.client(), person.email, **{"X-Request-ID": "breaks-the-rest"})).status_code == 202
        await staff.http.request("BREW", f"/{_CANARY}/{person.email}?token={secrets[2]}")

    assert await processes.relay(where=where, sentry_dsn=tracker.dsn, release=_RELEASE).ended(within_seconds=_START_SECONDS) == 1
    await database.do("DROP TRIGGER breaks ON notifications")
    await _breaks(database, "notifications", "UPDATE", "NEW.state = 'sent'")
    processes.relay(sentry_dsn=tracker.dsn, release=_RELEASE)
    worker = processes.worker(sentry_dsn=tracker.dsn, release=_RELEASE, metrics_port=str(port))
    reports = await tracker.hears(3, within_seconds=_WITHIN_SECONDS)
    told = await scrape(port, api=1, worker=2)
    await worker.stop()
    await api.program.stop()

    assert told.of("inventory_errors_reported_total") == 2  # the relay that died took its count with it
    assert [_whose(report) for report in reports[:3]] == [
        ("api", "/v1/products", "breaks-the-api", _RELEASE),
        ("relay", "relay", "breaks-the-rest", _RELEASE),
        ("worker", "email.send", "breaks-the-rest", _RELEASE),
    ]
    assert all("it broke over …" in str(report["exception"]) for report in reports)
    logs = [(tmp_path / name).read_text() for name in _LOGS]
    assert [log.count("it broke over …") > 0 for log in logs] == [True, True, False, True]
    assert '"event":"process.died"' in logs[1]
    assert [secret for secret in secrets if any(secret in text for text in (tracker.everything, str(told.samples), *logs))] == []


async def test_a_child_that_is_lost_over_a_mail_is_reported_by_its_parent(
    customer: Client, staff: Client, mails: Mails, processes: Processes, tracker: Tracker
) -> None:
    await staff.stock("MUG", "AMS", 10)
    processes.relay()
    worker = processes.worker(sentry_dsn=tracker.dsn)
    mails.withhold_answers()
    await confirm_one(customer)
    await mails.arrive(1, within_seconds=_START_SECONDS)

    for child in psutil.Process(worker.pid).children():
        child.kill()

    [report] = await tracker.hears(1, within_seconds=_WITHIN_SECONDS)
    assert (report["tags"]["process"], report["tags"]["route"]) == ("worker", "email.send")
    assert report["exception"]["values"][-1]["type"] == "WorkerLostError"


async def _blabs(clients: Api, people: People, database: Database) -> tuple[Person, list[str]]:
    """Let the database's errors say all that they should not, of somebody who is signed in; who, and what."""
    person = await people.join()
    signed_in = await sign_in(await clients.client(), person.email, person.password)
    tokens = [signed_in.json()["access_token"], signed_in.json()["refresh_token"]]
    words = [
        *(person.email, *tokens, _HASH, f"password={person.password.split()[-1]}", f"postgresql://me:{_CANARY}@db/x"),
        *(
            f"smtps://me:{_CANARY}@mail",
            f"{bearer(signed_in)}",
            f"https://shop.example/reset#token={tokens[1]}",
            f"https://{_CANARY}@sentry/1",
        ),
    ]
    await database.do("CREATE TABLE canaries AS SELECT $1::text AS words", " ".join(words))
    await database.do("""
        CREATE FUNCTION blab() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'it broke over %', (SELECT words FROM canaries); END $$
    """)
    return person, [person.email, person.password, *tokens, _HASH, _CANARY, "canary-in-the-dsn"]


async def _breaks(database: Database, table: str, change: str, when: str = "true") -> None:
    await database.do(f"CREATE TRIGGER breaks BEFORE {change} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION blab()")


def _with_password(url: str) -> tuple[str, str]:
    """The same server with the password that it wants, and that password; one that asks nobody is told the canary."""
    parts = urlsplit(url)
    if parts.password:
        return url, parts.password
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{_CANARY}@{host}").geturl(), _CANARY


def _whose(report: Report) -> tuple[str, ...]:
    tags = report["tags"]
    return tags["process"], tags["route"], tags["request_id"], report["release"]
