"""The tests of the release before, on the schema of this one: during a deploy its code works on it, and after a roll back too.

    python -m deploy.pipeline.old_tests [REVISION] [--pytest ARGUMENT…]

What a release says about itself is left out: how its own migrations go up and down, what its files look like, how its stack starts.
"""

import argparse
import os
import subprocess
import sys

from deploy.local.places import ROOT
from deploy.pipeline.trees import changes_since, old_tree, previous_release, python_of

_ABOUT_ITSELF = ("tests/architecture", "tests/deploy", "tests/migrations")
_SCHEMA = ("migrations/versions", "migrations/frozen")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the tests of the release before on the schema of this one.")
    parser.add_argument("revision", nargs="?", help="whose tests; of the release before unless named")
    parser.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], help="which of its tests, and how")
    options = parser.parse_args()
    revision = options.revision or previous_release()
    if not changes_since(revision, *_SCHEMA):
        print(f"{revision} has the same migrations: its tests ran on this schema already.")
        return
    print(f"The tests of {revision} on the schema of this code:", flush=True)
    with old_tree(revision) as tree:
        ignored = [f"--ignore={folder}" for folder in _ABOUT_ITSELF]
        command = [str(python_of(tree)), "-m", "pytest", *ignored, *options.pytest]
        done = subprocess.run(command, cwd=tree, env=os.environ | {"HOLDFAST_TEST_SCHEMA_OF": str(ROOT)}, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
