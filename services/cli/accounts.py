"""Accounts and keys by hand. Each deed is in the audit trail, without an actor: whoever has a shell here has no account."""

import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from services.cli.work import run
from services.inventory.accounts import commands, sessions, store
from services.inventory.accounts.errors import AccountNotFound
from services.inventory.accounts.keys import SIGNS_AFTER_SECONDS
from services.inventory.accounts.model import ACCESS_SECONDS, Account, EndReason, Origin, Role, is_email, normalise_email
from services.inventory.accounts.passwords import Passwords, refuse_weak
from services.runtime.database import Database
from services.runtime.resources import Resources

T = TypeVar("T")

accounts = typer.Typer(no_args_is_help=True, help="Open accounts, replace passwords, end sessions.")
keys = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")

_HERE = Origin()  # nowhere on the network
_PASSWORD_BYTES = 18

Email = Annotated[str, typer.Argument(help="The address of the account.")]


@accounts.command("create-admin")
def create_admin(email: Email, full_name: Annotated[str, typer.Option(help="What the admin is called.")] = "Admin") -> None:
    """Open an account that may do everything. Asks for a password; an empty answer invents one and prints it."""
    address = normalise_email(email)
    if not is_email(address):
        typer.echo(f"{email} is not an e-mail address.", err=True)
        raise typer.Exit(1)

    async def create(database: Database, passwords: Passwords) -> str:
        password, sentence = _ask_password()
        password_hash = await passwords.hash(password)
        await database.transact(commands.create_account, email=address, full_name=full_name, role=Role.ADMIN, password_hash=password_hash)
        return sentence

    sentence = _run(create)
    typer.echo(f"{address} is an admin. {sentence}")


@accounts.command("reset-password")
def reset_password(email: Email) -> None:
    """Replace the password of an account and end its sessions."""

    async def reset(database: Database, passwords: Passwords) -> str:
        account = await _find(database, email)
        password, sentence = _ask_password()
        password_hash = await passwords.hash(password)
        await database.transact(commands.set_password, account.account_id, password_hash=password_hash, origin=_HERE)
        return sentence

    sentence = _run(reset)
    typer.echo(f"Every session of the account has ended. {sentence}")


@accounts.command("end-sessions")
def end_sessions(email: Email) -> None:
    """End every session of an account and every access token, within a second."""

    async def end(database: Database, _: Passwords) -> int:
        account = await _find(database, email)
        return await database.transact(sessions.end_all, account.account_id, EndReason.OPERATOR, actor_id=None, origin=_HERE)

    typer.echo(f"{_run(end)} sessions have ended.")


@keys.command()
def rotate() -> None:
    """Make a new signing key. It signs in a few seconds; the old one verifies until its last token is over. Nobody is signed out."""
    kid = str(uuid.uuid4())

    async def add(database: Database, _: Passwords) -> None:
        await database.transact(commands.rotate_keys, kid)

    _run(add)
    typer.echo(f"Key {kid} signs in {SIGNS_AFTER_SECONDS} s; the one before verifies for {ACCESS_SECONDS // 60} minutes more.")


def _ask_password() -> tuple[str, str]:
    """A password, and what to say of it once it is stored: an invented one that is good for nothing is not shown. Refuses: WeakPassword."""
    typed: str = typer.prompt("Password (empty: invent one)", default="", hide_input=True, show_default=False)
    if typed:
        refuse_weak(typed)
        return typed, "Its password is the one that you typed."
    invented = secrets.token_urlsafe(_PASSWORD_BYTES)
    return invented, f"Its password is {invented}"


async def _find(database: Database, email: str) -> Account:
    account = await database.autocommit(store.find_by_email, normalise_email(email))
    if account is None:
        raise AccountNotFound
    return account


def _run(work: Callable[[Database, Passwords], Awaitable[T]]) -> T:
    async def with_passwords(resources: Resources) -> T:
        with Passwords(resources.settings) as passwords:
            return await work(resources.database, passwords)

    return run(with_passwords)
