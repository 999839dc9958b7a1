"""Many clients at one moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def together(*coroutines: Coroutine[Any, Any, T]) -> list[T]:
    """Run all of them, none before every one stands at the line; their results, in order."""
    line = asyncio.Barrier(len(coroutines))

    async def start(coroutine: Coroutine[Any, Any, T]) -> T:
        await line.wait()
        return await coroutine

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(start(coroutine)) for coroutine in coroutines]
    return [task.result() for task in tasks]
