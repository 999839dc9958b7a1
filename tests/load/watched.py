"""Whether Prometheus sees what happens: every panel has figures, and the alerts of the faults that are made arrive as mails.

    make start LOAD=1 && python -m tests.load.watched [--binaries /opt/observability/bin]

Needs prometheus and alertmanager. Plays the shop (`make traffic`) against the stack of this clone for three minutes, stops one server or
process after the other, and breaks a rule by hand. Rules and routes are the shipped ones; only their waiting is a tenth of what is
written there. Leaves the stack running and mended. Exits with 1 and says which panel was empty or which alert did not come.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from deploy.local import environment
from deploy.local.credentials import load
from deploy.local.environment import Stack
from deploy.local.places import PLACES, ROOT
from deploy.local.supervision import Supervisor
from grafana.main import BOARDS
from tests.support.program import free_port

MONITORING = ROOT / "deploy" / "monitoring"
FASTER = 10  # than the waits that the rules and routes name
SCRAPED_EVERY = "1s"
LATER_SECONDS = 12  # a sample of the relay, a scrape, an evaluation and what is left of a wait
EXPECTED = {
    "AvailabilityBurnsFast",
    "CacheLeftAlone",
    "DeadLetters",
    "EventsWait",
    "InvariantViolated",
    "LimitsDecidedAlone",
    "MailServerLeftAlone",
    "ProcessDown",
    "RefreshTokenReused",
}
_INHIBITED = {"LimitsDecidedAlone"}  # it follows from CacheLeftAlone, whose mail says it
_DIE = """
    UPDATE notifications SET state = 'dead', dead_letter_state = 'dead', due_at = 'infinity', died_at = clock_timestamp(),
           death_reason = 'made by tests.load.watched'
     WHERE notification_id = (SELECT notification_id FROM notifications WHERE state = 'queued' LIMIT 1)
"""
_BREAK = "UPDATE stock_levels SET held = held + {} WHERE item_id = (SELECT min(item_id::text)::uuid FROM stock_levels)"


class Watch:
    """The stack, and a Prometheus and an Alertmanager that look at it."""

    def __init__(self, stack: Stack, port: int) -> None:
        self.stack = stack
        self.fired: set[str] = set()
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        self._supervisor = Supervisor(PLACES)._ask()  # noqa: SLF001  # nobody else stops one process alone

    async def note(self) -> None:
        """Remember which alerts fire, until cancelled."""
        while True:
            try:
                alerts = (await self._http.get("/api/v1/alerts")).raise_for_status().json()["data"]["alerts"]
                self.fired |= {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
            except httpx.HTTPError:
                pass  # it is not up yet
            await asyncio.sleep(1)

    async def without(self, name: str, seconds: float) -> None:
        print(f"  {name} is stopped for {seconds:.0f} s", flush=True)
        await asyncio.to_thread(self._supervisor.stopProcess, name)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._supervisor.startProcess, name, False)

    async def sql(self, statement: str) -> None:
        command = (sys.executable, "-m", "deploy.local.main", "psql")
        await asyncio.to_thread(subprocess.run, command, input=statement, text=True, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    async def empty_panels(self, since: float) -> list[str]:
        """Those of which a query found nothing in all the time."""
        empty = []
        for board, panel, promql in _queries():
            span: dict[str, str | float] = {"query": promql, "start": since, "end": time.time(), "step": 5}
            answer = (await self._http.get("/api/v1/query_range", params=span)).json()
            assert answer["status"] == "success", f"{board}, {panel}: {answer}"
            if not any(value != "NaN" for series in answer["data"]["result"] for _, value in series["values"]):
                empty.append(f"{board}, {panel}: {promql}")
        return empty


async def watch(stack: Stack, port: int) -> bool:
    began, watched = time.time(), Watch(stack, port)
    noting = asyncio.create_task(watched.note())
    await asyncio.sleep(20)
    await asyncio.gather(watched.without("cache", 20), _reuse(stack))
    await watched.without("postgres", 8)
    await asyncio.sleep(5)
    await asyncio.gather(watched.without("mail", 45), _let_one_die(watched))
    await watched.sql(_BREAK.format("+1"))
    await watched.without("relay", 75)
    await asyncio.sleep(2 * LATER_SECONDS)
    await watched.sql(_BREAK.format("-1"))
    noting.cancel()
    empty, silent = await watched.empty_panels(began), EXPECTED - watched.fired
    unheard = EXPECTED - _INHIBITED - silent - _heard(began)
    print(f"{len(list(_queries()))} queries of {len(BOARDS)} boards; fired: {', '.join(sorted(watched.fired))}")
    for title, found in (("empty", empty), ("did not fire", silent), ("fired, and no mail came", unheard)):
        print(f"{title}: {'; '.join(sorted(found)) or 'none'}")
    return not (empty or silent or unheard)


async def _reuse(stack: Stack) -> None:
    """A refresh token that was used twice, long after its successor."""
    login = load(PLACES.credentials).of("customer")
    async with httpx.AsyncClient(base_url=stack.api_url, trust_env=False) as http:
        form = {"username": login.email, "password": login.password}
        first = (await http.post("/v1/auth/token", data=form)).raise_for_status().json()["refresh_token"]
        await http.post("/v1/auth/refresh", json={"refresh_token": first})
        await asyncio.sleep(LATER_SECONDS)  # the grace is ten seconds
        again = await http.post("/v1/auth/refresh", json={"refresh_token": first})
        assert again.status_code == httpx.codes.UNAUTHORIZED, again.text


async def _let_one_die(watched: Watch) -> None:
    await asyncio.sleep(LATER_SECONDS)  # the mail server is gone, so there is one that waits
    await watched.sql(_DIE)


def _queries() -> Iterator[tuple[str, str, str]]:
    for board in BOARDS:
        for panel in board.panels:
            for query in panel.queries:
                promql = query.promql.replace("$__rate_interval", "15s")
                yield board.name, panel.title, promql


def _heard(since: float) -> set[str]:
    """Alerts that came as mails."""
    mails = (file.read_bytes() for file in (PLACES.mail / "new").iterdir() if file.stat().st_mtime >= since)
    said = "".join(mail.replace(b"=\n", b"").decode(errors="replace") for mail in mails if b"alerts@holdfast.example" in mail)
    return {name for name in EXPECTED if name in said}


@contextmanager
def observers(binaries: Path, stack: Stack) -> Iterator[int]:
    """Prometheus and Alertmanager with the shipped files; the port of the first."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-watched-"))
    port, alerting = free_port(), free_port()
    mails = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
    mails["global"]["smtp_smarthost"] = f"127.0.0.1:{stack.smtp_port}"
    (folder / "alertmanager.yml").write_text(_hurried(yaml.safe_dump(mails), "group_wait", "group_interval"))
    for rules in (MONITORING / "rules").glob("*.yml"):
        (folder / rules.name).write_text(_hurried(rules.read_text(), "for"))
    found = json.loads(PLACES.prometheus.read_text())
    found["global"] = {"scrape_interval": SCRAPED_EVERY, "evaluation_interval": SCRAPED_EVERY}
    found["rule_files"] = [f"{folder}/{rules.name}" for rules in (MONITORING / "rules").glob("*.yml")]
    found["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alerting}"]}]}]}
    (folder / "prometheus.yml").write_text(json.dumps(found))
    listening = "--web.listen-address=127.0.0.1:{}"
    commands = [
        # Each in a place of its own: Debian's remembers elsewhere, from one run to the next, whom it has told of what.
        ("alertmanager", "--config.file=alertmanager.yml", "--storage.path=told", "--cluster.listen-address=", listening.format(alerting)),
        ("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", listening.format(port)),
    ]
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen([binaries / command[0], *command[1:]], cwd=folder, stdout=log, stderr=log) for command in commands]
        shop = subprocess.Popen((sys.executable, "-m", "deploy.local.main", "traffic"), cwd=ROOT, stdout=log, stderr=log)
        try:
            yield port
        finally:
            for process in (shop, *running):
                process.terminate()
                process.wait()
            print(f"their log: {folder / 'log'}")


def _hurried(text: str, *names: str) -> str:
    """With waits that are a tenth as long."""
    unit = {"s": 1, "m": 60, "h": 3_600}

    def hurry(found: re.Match[str]) -> str:
        return f"{found[1]}{max(int(found[2]) * unit[found[3]] // FASTER, 1)}s"

    return re.sub(rf"(\b(?:{'|'.join(names)}): )(\d+)([smh])\b", hurry, text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--binaries", type=Path, default=Path("/opt/observability/bin"))
    stack = environment.load(PLACES)
    with observers(parser.parse_args().binaries, stack) as port:
        return 0 if asyncio.run(watch(stack, port)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
