"""`holdfast`: what an operator does by hand."""

import asyncio
import getpass
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from alembic import command
from alembic.config import Config

from services.cli.accounts import accounts, keys
from services.cli.configuration import config
from services.cli.dead_letters import dead_letters
from services.cli.load import load_accounts
from services.inventory.reservations import reconciling
from services.inventory.reservations.model import Repair, Violation
from services.runtime.logs import log
from services.runtime.resources import open_resources
from services.runtime.settings import PREFIX, InvalidSettings, Settings, load_settings
from services.runtime.startup import start_process

LEFT = " (left: more is promised than there is; count it with on_shortage=displace, or cancel a reservation)"
SECRET_BYTES = 48
PROJECT = Path(__file__).parents[2] / "pyproject.toml"

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Operate a Holdfast installation. Settings come from HOLDFAST_ variables."
)
app.add_typer(config, name="config")
app.add_typer(accounts, name="accounts")
app.add_typer(keys, name="keys")
app.add_typer(dead_letters, name="dead-letters")
app.command("load-accounts")(load_accounts)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema. Safe to run from several places at once: one does it, the others wait."""
    _stop_if_invalid()
    try:
        command.upgrade(Config(toml_file=PROJECT), "head")
    except (ConnectionError, TimeoutError) as error:
        typer.echo(f"The database of HOLDFAST_DIRECT_DATABASE_URL or HOLDFAST_DATABASE_URL does not answer: {error}", err=True)
        raise typer.Exit(1) from None


@app.command("secrets")
def make_secrets() -> None:
    """Print new secrets, to be put into the environment."""
    for name in ("TOKEN_SECRET", "PASSWORD_PEPPER"):
        typer.echo(f"{PREFIX}{name}={secrets.token_urlsafe(SECRET_BYTES)}")


@app.command()
def reconcile(
    repair: Annotated[bool, typer.Option(help="Make them agree, in one transaction that the log records.")] = False,
) -> None:
    """Compare the counters with the reservations and the ledger. Exits 1 if they differ and are not repaired."""
    result = asyncio.run(_reconcile(start_process(), repair=repair))
    for one in result.repaired:
        typer.echo(f"{_sentence(one)} (repaired)")
    for one in result.left:
        typer.echo(_sentence(one) + (LEFT if repair else ""))
    if result.left:
        raise typer.Exit(1)
    if not result.repaired:
        typer.echo("Counters, reservations and ledger agree.")


async def _reconcile(settings: Settings, *, repair: bool) -> Repair:
    async with open_resources(settings, application="holdfast-cli") as resources:
        if not repair:
            return Repair((), (await resources.database.autocommit(reconciling.check)).violations)
        result = await resources.database.transact(reconciling.repair, actor=f"holdfast reconcile, by {getpass.getuser()}")
        for one in result.repaired:
            log.warning("stock.repaired", **asdict(one))
        return result


def _sentence(one: Violation) -> str:
    return f"{one.sku} in {one.warehouse}: {one.what} is {one.stored} and should be {one.derived}"


def _stop_if_invalid() -> None:
    try:
        load_settings()
    except InvalidSettings as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
