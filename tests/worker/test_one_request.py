"""Without this, nobody can tell which request a mail came from, or what became of the request that a customer complains about."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.api import api_at
from tests.support.database import Database
from tests.support.delivery import are_sent
from tests.support.eventually import eventually
from tests.support.mail import Mails
from tests.support.members import refresh, sign_in
from tests.support.people import People
from tests.support.problems import assert_problem
from tests.support.processes import Processes

_WITHIN_SECONDS = 30
_ID = "from-the-shop-1"


async def test_one_request_is_found_by_its_id_in_its_answer_the_log_the_task_and_the_mail(
    *, processes: Processes, people: People, database: Database, mails: Mails, tmp_path: Path
) -> None:
    api = await processes.api(workers=1)
    relay, worker = processes.relay(), processes.worker()
    person = await people.join()
    async with api_at(api.url, people) as clients:
        client = await clients.client()
        stolen = (await sign_in(client, person.email, person.password)).json()["refresh_token"]
        await refresh(client, stolen)
        await database.do("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL")
        client.http.headers["X-Request-ID"] = _ID
        refusal = await refresh(client, stolen)  # which its owner is told of
    [mail] = await mails.arrive(1, within_seconds=_WITHIN_SECONDS)
    await eventually(partial(are_sent, database, 1), within_seconds=_WITHIN_SECONDS)
    for program in (api.program, relay, worker):
        await program.stop()

    assert_problem(refusal, 401, "unauthenticated")
    assert refusal.json()["request_id"] == refusal.headers["X-Request-ID"] == mail["X-Request-ID"] == _ID
    [request] = _lines_about(tmp_path / "0-services.api.log")
    assert (request["event"], request["route"], request["code"]) == ("request", "/v1/auth/refresh", "unauthenticated")
    [task] = _lines_about(tmp_path / "2-services.worker.main.log")
    assert (task["event"], task["kind"], task["outcome"]) == ("email.send", "session.reused", "sent")
    assert f"<{task['notification_id']}@" in mail["Message-ID"]


def _lines_about(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]  # Celery greets without
    return [line for line in lines if line.get("request_id") == _ID]
