"""What the supervisor runs for each process: clear away what an earlier one left behind, then become the process.

    python -m deploy.local.launch NAME COMMAND...

The pid stays the same, so signals of the supervisor reach the process itself.
"""

import os
import sys
from pathlib import Path

from deploy.local import leftovers


def main() -> None:
    name, *command = sys.argv[1:]
    run = Path(os.environ[leftovers.STACK])
    leftovers.end(leftovers.find(run, [name]), grace_seconds=leftovers.ORPHAN_GRACE_SECONDS)
    os.execvpe(command[0], command, leftovers.mark(dict(os.environ), run, name))


if __name__ == "__main__":
    main()
