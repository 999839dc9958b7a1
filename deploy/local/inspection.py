"""The commands that look at a stack and change nothing: what runs, what was logged, which mails came, and a token to try things with."""

from datetime import timedelta

import httpx

from deploy.local import console, credentials, environment, maildir
from deploy.local.credentials import ROLES, Role
from deploy.local.environment import Stack
from deploy.local.follow import follow
from deploy.local.places import PLACES
from deploy.local.supervision import Process, Supervisor
from deploy.local.trouble import Trouble

ANSWER_SECONDS_MAX = 10
LISTED_IN_TERMINAL = 20
SUBJECT_SHOWN = 70


def running_supervisor() -> Supervisor:
    """Raises Trouble when nothing runs."""
    supervisor = Supervisor(PLACES)
    if not supervisor.is_running():
        raise Trouble("the stack does not run; make up or make start starts it")
    return supervisor


def say_processes(supervisor: Supervisor) -> None:
    console.say(console.bold("  {:<{}} {:<10} {:>8}  up".format("process", console.NAME_WIDTH, "state", "pid")))
    for process in supervisor.processes():
        console.say(_row(process))


def _row(process: Process) -> str:
    state = f"{process.state.lower():<10}"
    shown = console.good(state) if process.is_running else console.bad(state)
    age = timedelta(seconds=process.up_seconds) if process.pid else process.trouble
    return f"  {process.name:<{console.NAME_WIDTH}} {shown} {process.pid or '-':>8}  {age}"


def follow_logs(name: str | None) -> None:
    """Print the last lines of the logs and what is added, until Ctrl-C."""
    logs = {file.stem: file for file in sorted(PLACES.logs.glob("*.log"))}
    if name is not None and name not in logs:
        raise Trouble(f"there is no log {name}; there are: {', '.join(logs) or 'none yet'}")
    if not logs:
        raise Trouble("there are no logs yet; make up starts the stack")
    follow({name: logs[name]} if name else logs)


def mail(number: int | None) -> None:
    """List the newest mails, or show one; 1 is the newest."""
    maildir.prepare(PLACES.mail)
    mails = maildir.newest(PLACES.mail)
    if not mails:
        console.say("No mail yet. Confirm a reservation, or run make demo.")
        return
    if number is None:
        _list(mails)
        return
    if not 1 <= number <= len(mails):
        raise Trouble(f"there is no mail {number}; 1 is the newest, {len(mails)} the oldest that is listed")
    _show(mails[number - 1])


def _list(mails: list[maildir.Mail]) -> None:
    for number, one in enumerate(mails[:LISTED_IN_TERMINAL], start=1):
        received = one.received_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        console.say(
            f"{number:>4}  {console.dim(received)}  {printable(one.to):<32}  {console.bold(printable(one.subject)[:SUBJECT_SHOWN])}"
        )
    console.say(console.dim(f"\n{len(mails)} mails; make mail N=1 shows the newest"))


def _show(one: maildir.Mail) -> None:
    for name, value in one.headers:
        console.say(f"{console.dim(printable(name))}: {printable(value)}")
    console.say()
    console.say(printable(one.text) or console.dim("(no text part; the mailbox page shows the HTML)"))


def printable(text: str) -> str:
    """Without control characters: a mail must not drive the terminal."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def token(name: str) -> None:
    """Print an access token of a demo account, and nothing else."""
    role = next((role for role in ROLES if role == name), None)
    if role is None:
        raise Trouble(f"there is no demo account {name}; AS is one of {', '.join(ROLES)}")
    print(access_token(environment.load(PLACES), role))


def access_token(stack: Stack, role: Role) -> str:
    login = credentials.load(PLACES.credentials).of(role)
    form = {"username": login.email, "password": login.password}
    try:
        # A proxy of this machine has no business with 127.0.0.1.
        answer = httpx.post(f"{stack.api_url}/v1/auth/token", data=form, timeout=ANSWER_SECONDS_MAX, trust_env=False)
    except httpx.TransportError:
        raise Trouble(f"nothing answers at {stack.api_url}; make up or make start starts the stack") from None
    if answer.status_code != httpx.codes.OK:
        raise Trouble(f"{login.email} cannot log in: {answer.status_code} {answer.text}")
    issued: str = answer.json()["access_token"]
    return issued
