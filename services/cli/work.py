"""A command's work, as a process does it: with settings, logs and resources, and a refusal as a sentence."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from services.runtime.errors import Refusal
from services.runtime.resources import Resources, open_resources
from services.runtime.startup import start_process

T = TypeVar("T")


def run(work: Callable[[Resources], Awaitable[T]]) -> T:
    """The result of the work; a refusal ends the process with its sentence."""

    async def with_resources() -> T:
        async with open_resources(start_process(), application="holdfast-cli") as resources:
            return await work(resources)

    try:
        return asyncio.run(with_resources())
    except Refusal as refusal:
        typer.echo(refusal.detail, err=True)
        raise typer.Exit(1) from None
