"""What is wrong with the settings and with the servers that they name, said before anything starts with them."""

import asyncio
import os
from collections.abc import Iterable
from typing import Annotated, NoReturn

import typer

from services.cli.servers import ask_servers
from services.runtime.settings import InvalidSettings, Settings, load_settings, unknown_variables

config = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@config.callback()
def _keep_name() -> None:
    """With a single command, typer would leave out its name."""


@config.command()
def check(
    servers: Annotated[bool, typer.Option(help="Ask the servers too; without, nothing is connected to.")] = True,
) -> None:
    """Say what is missing, weak or misspelt, and which servers do not answer as they should. Exits 1 if anything is wrong."""
    settings = _load()
    typer.echo("The settings are complete.")
    if servers:
        _ask(settings)


def _load() -> Settings:
    """All that is wrong with the environment at once: what is missing may be there under a misspelt name."""
    unknown = list(unknown_variables(os.environ))
    try:
        settings = load_settings()
    except InvalidSettings as error:
        _refuse([str(error), *unknown])
    if unknown:
        _refuse(unknown)
    return settings


def _ask(settings: Settings) -> None:
    answers = asyncio.run(ask_servers(settings))
    for answer in answers:
        if answer.fault is None:
            typer.echo(f"{answer.setting} answers.")
    if faults := [f"{answer.setting}: {answer.fault}" for answer in answers if answer.fault is not None]:
        _refuse(faults)


def _refuse(sentences: Iterable[str]) -> NoReturn:
    for sentence in sentences:
        typer.echo(sentence, err=True)
    raise typer.Exit(1)
