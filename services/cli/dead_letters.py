"""Mails that died, by hand: the same commands as over HTTP. Each decision is in the audit trail, without an actor."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

from services.cli.work import run
from services.inventory.accounts.model import Origin
from services.inventory.notifications import commands, listing
from services.inventory.notifications.model import DeadLetter, DeadLetterState, NotificationId
from services.runtime.paging import LIMIT_DEFAULT, LIMIT_MAX, Page, Window
from services.runtime.resources import Resources

dead_letters = typer.Typer(no_args_is_help=True, help="Look at mails that died, and decide about them.")

_HERE = Origin()  # nowhere on the network

Id = Annotated[UUID, typer.Argument(help="The id of the dead letter.")]
Ids = Annotated[list[UUID], typer.Argument(help="The ids of the dead letters.")]


@dead_letters.command("list")
def list_(
    state: Annotated[DeadLetterState, typer.Option(help="What was decided about them.")] = DeadLetterState.DEAD,
    limit: Annotated[int, typer.Option(min=1, max=LIMIT_MAX, help="How many at most.")] = LIMIT_DEFAULT,
) -> None:
    """One line for each, the last that died first: id, time, kind, reason, with tabs between them."""

    async def find(resources: Resources) -> Page[DeadLetter]:
        return await resources.database.autocommit(listing.list_dead_letters, state, window=Window(limit=limit))

    page = run(find)
    for letter in page.items:
        typer.echo("\t".join((str(letter.dead_letter_id), f"{letter.created_at:%FT%TZ}", letter.kind, _on_one_line(letter.reason))))
    if page.next is not None:
        typer.echo(f"There are more than {limit}.", err=True)


@dead_letters.command()
def show(dead_letter_id: Id) -> None:
    """What was to be sent, and what became of each attempt."""

    async def find(resources: Resources) -> DeadLetter:
        return await resources.database.autocommit(commands.find_dead_letter, NotificationId(dead_letter_id))

    letter = run(find)
    facts = {
        "kind": letter.kind,
        "state": letter.state.value,
        "died": f"{letter.created_at:%FT%TZ}",
        "reason": letter.reason,
        "account": letter.payload.account_id,
        "reservation": letter.payload.reservation_id,
        "request": letter.payload.request_id,
    }
    for name, value in facts.items():
        typer.echo(f"{name:12} {_on_one_line(str(value if value is not None else '-'))}")
    for attempt in letter.attempts:
        typer.echo(f"{f'{attempt.at:%FT%TZ}':24} {_on_one_line(attempt.error)}")


@dead_letters.command()
def replay(dead_letter_ids: Ids) -> None:
    """Send them after all; repair what they died of first. Twice is once."""
    _decide(dead_letter_ids, commands.replay, "is on its way again")


@dead_letters.command()
def discard(dead_letter_ids: Ids) -> None:
    """Decide that they are never sent."""
    _decide(dead_letter_ids, commands.discard, "is never sent")


def _decide(dead_letter_ids: list[UUID], decide: Callable[..., Awaitable[DeadLetter]], sentence: str) -> None:
    """One after the other; the first refusal ends it, and what was decided before stays."""

    async def decide_all(resources: Resources) -> None:
        for dead_letter_id in dead_letter_ids:
            letter = await resources.database.transact(decide, NotificationId(dead_letter_id), actor_id=None, origin=_HERE)
            typer.echo(f"{letter.dead_letter_id} {sentence}.")

    run(decide_all)


def _on_one_line(text: str) -> str:
    """Without what would move a terminal's cursor: some of it was said by a mail server."""
    return "".join(character if character.isprintable() else " " for character in text)
