"""Without these, whoever is called at night has a mail that died and no hands to raise it."""

import uuid

import pytest_asyncio

from services.inventory.notifications.model import refused
from tests.cli.test_accounts import Operator
from tests.support.database import Database
from tests.support.owed import CONFIRMED, Owed

TRAIL = "SELECT action, outcome, actor_id FROM audit_events WHERE subject_id = $1 ORDER BY created_at"


@pytest_asyncio.fixture
async def dead(owed: Owed) -> Owed:
    await owed.ends(refused, "550 no\x1b[2J such user\nat all")
    return owed


async def test_what_died_is_listed_a_line_each_and_shown_whole(dead: Owed, database: Database) -> None:
    operator = Operator(database)

    listed, shown = await operator.runs("dead-letters", "list"), await operator.runs("dead-letters", "show", str(dead.id))

    [line] = listed.stdout.splitlines()
    assert line.split("\t")[::2] == [str(dead.id), CONFIRMED]
    assert line.split("\t")[3] == "550 no [2J such user at all"  # a server's words move no cursor
    assert (shown.exit_code, "\x1b" in shown.stdout) == (0, False)
    assert shown.stdout.count("550 no [2J such user at all") == 2  # why it died, and its one attempt
    assert (await operator.runs("dead-letters", "list", "--state", "discarded")).stdout == ""


async def test_a_replay_by_hand_is_one_over_http(dead: Owed, database: Database) -> None:
    operator = Operator(database)

    for _ in range(2):
        result = await operator.runs("dead-letters", "replay", str(dead.id))
        assert (result.exit_code, result.stdout) == (0, f"{dead.id} is on its way again.\n")

    assert await dead.row("state", "failures") == ("queued", 0)
    assert await database.rows(TRAIL, dead.id) == [("dead_letter.replay", "success", None)]
    refusal = await operator.runs("dead-letters", "discard", str(dead.id))
    assert (refusal.exit_code, refusal.stdout) == (1, "")
    assert "it is on its way again, or has arrived" in refusal.stderr


async def test_a_discard_by_hand_is_for_good(dead: Owed, database: Database) -> None:
    operator = Operator(database)

    result = await operator.runs("dead-letters", "discard", str(dead.id))

    assert (result.exit_code, result.stdout) == (0, f"{dead.id} is never sent.\n")
    assert (await operator.runs("dead-letters", "replay", str(dead.id))).exit_code == 1
    assert await dead.row("state", "dead_letter_state") == ("dead", "discarded")
    assert await database.rows(TRAIL, dead.id) == [("dead_letter.discard", "success", None)]


async def test_what_is_not_there_is_said_in_a_sentence(database: Database) -> None:
    for command in ("show", "replay", "discard"):
        result = await Operator(database).runs("dead-letters", command, str(uuid.uuid4()))
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", "there is no such dead letter\n")
