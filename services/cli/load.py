"""Customers for a load test, who are there at once and never sign in."""

from collections.abc import Iterable
from typing import Annotated, NoReturn

import typer

from services.cli.work import run
from services.inventory.accounts import commands, revoking
from services.inventory.accounts.model import Account, SessionId
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens
from services.runtime.ids import new_id
from services.runtime.resources import Resources
from services.runtime.settings import PREFIX

ACCOUNTS_MAX = 100_000  # one statement makes them, and must end within statement_timeout

_NOT_HERE = (
    f"load-accounts is for the stack of one machine, whose {PREFIX}PUBLIC_URL begins with http://127.0.0.1 or http://localhost: "
    "who has its tokens acts for customers without their passwords."
)


def load_accounts(count: Annotated[int, typer.Argument(min=1, max=ACCOUNTS_MAX, help="How many.")]) -> None:
    """Make customers without passwords, the same ones each time, and print an access token of each. Only where no others are served."""

    async def make(resources: Resources) -> Iterable[str]:
        if not resources.settings.is_of_one_machine:
            _refuse(_NOT_HERE)
        # RFC 2606: no mail ever arrives at .invalid, so nobody gets a password for one of them by mail either.
        emails = [f"load-{number:06}@holdfast.invalid" for number in range(1, count + 1)]
        accounts = await resources.database.transact(commands.create_without_password, emails, full_name="Load")
        if len(accounts) < count:
            _refuse(f"{count - len(accounts)} of load-000001 to load-{count:06}@holdfast.invalid have a password or are disabled.")
        ring, now = await resources.database.autocommit(revoking.read_ring)
        tokens = Tokens(resources.settings)
        return [tokens.issue(_caller(account), ring, issued_at=now).text for account in accounts]

    for token in run(make):
        typer.echo(token)


def _caller(account: Account) -> Caller:
    """In a session that nobody opened: it cannot be refreshed, and ends with its token."""
    return Caller(account.account_id, account.role, SessionId(new_id()))


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
