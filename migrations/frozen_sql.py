"""How a migration executes the SQL that is kept for it in frozen/."""

from pathlib import Path

from alembic import op

_FROZEN = Path(__file__).parent / "frozen"


def execute(revision: str, *names: str) -> None:
    """Execute these frozen copies of the revision, one statement each, in this order."""
    for name in names:
        sql = (_FROZEN / f"{revision}_{name}.sql").read_text(encoding="utf-8")
        # A colon before a word would be a parameter. And alembic ends a statement itself, where it prints instead of executing.
        op.execute(sql.replace(":", r"\:").rstrip().removesuffix(";"))
