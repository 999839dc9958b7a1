"""The ground that a measurement stands on: a PostgreSQL server of its own, settings as shipped, and nothing left of it afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.database import migrate
from tests.support.leash import Leash
from tests.support.servers import embedded_postgres


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a migrated database that writes what it says it wrote. Its files lie in the folder for temporary files (TMPDIR)."""
    leash = Leash()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-load-"))
    leash.remove_in_the_end(folder)
    try:
        with embedded_postgres(folder, leash, is_durable=True) as url:
            migrate(url)
            yield url
    finally:
        leash.close()
