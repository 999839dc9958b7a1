"""Ten thousand people with an account each, as `holdfast load-accounts` makes them for anybody's script."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.load.lab.stacks import Stack
from tests.support.program import Program
from tests.support.settings import environment

_SECONDS_MAX = 60  # three on an idle machine


async def buyers(stack: Stack, count: int) -> Sequence[str]:
    """An access token of each; they live a quarter of an hour."""
    folder = Path(tempfile.mkdtemp(prefix="buyers-", dir=stack.folder))
    variables = environment(stack.where, public_url="http://127.0.0.1:8000")
    log = folder / "tokens"
    program = Program("services.cli.main", "load-accounts", str(count), environment=variables, log=log, leash=stack.leash)
    code = await program.ended(within_seconds=_SECONDS_MAX)
    program.kill()
    tokens = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("eyJ")]
    assert (code, len(tokens)) == (0, count), program.tail
    return tokens
