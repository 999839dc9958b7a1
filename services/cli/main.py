"""`holdfast`: what an operator does by hand."""

import os
from pathlib import Path

import typer
from alembic import command
from alembic.config import Config

from services.runtime.settings import InvalidSettings, load_settings, unknown_variables

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Operate a Holdfast installation. Settings come from HOLDFAST_ variables."
)
config = typer.Typer(no_args_is_help=True, help="Look at the settings.")
app.add_typer(config, name="config")


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema. Safe to run from several places at once: one does it, the others wait."""
    _stop_if_invalid()
    try:
        command.upgrade(Config(toml_file=PROJECT), "head")
    except (ConnectionError, TimeoutError) as error:
        typer.echo(f"The database of HOLDFAST_DIRECT_DATABASE_URL or HOLDFAST_DATABASE_URL does not answer: {error}", err=True)
        raise typer.Exit(1) from None


@config.command()
def check() -> None:
    """Say what is wrong with the settings before anything starts with them. Exits 1 if something is."""
    _stop_if_invalid()
    unknown = list(unknown_variables(os.environ))
    for sentence in unknown:
        typer.echo(sentence, err=True)
    if unknown:
        raise typer.Exit(1)
    typer.echo("The settings are complete.")


def _stop_if_invalid() -> None:
    try:
        load_settings()
    except InvalidSettings as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
