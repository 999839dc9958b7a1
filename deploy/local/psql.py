"""psql on the database of the stack, from the wheel that the server came from: a machine without PostgreSQL has it too."""

import os
from typing import NoReturn

from deploy.local import environment
from deploy.local.places import PLACES
from deploy.local.postgres import find_programs


def run() -> NoReturn:
    """Become psql. What is piped in is executed."""
    url = environment.load(PLACES).database_url
    program = find_programs() / "psql"
    os.execv(program, [str(program), url])
