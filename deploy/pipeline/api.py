"""The HTTP API as a document, and what has changed in it: in Markdown, for a comment on a pull request.

python -m deploy.pipeline.api document              prints the OpenAPI document of this code
python -m deploy.pipeline.api changes [REVISION]    compares it with an earlier one; exits 1 when clients would break
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.local.places import ROOT
from deploy.pipeline.compatibility import Changes, compare
from deploy.pipeline.promises import Json
from deploy.pipeline.trees import old_tree, previous_release, python_of

# Two names that every release has. Run in the folder of that release, by its own Python.
_PRINT = (
    "import json; from services.api.main import create_app; from services.runtime.settings import load_settings; "
    "print(json.dumps(create_app(load_settings()).openapi()))"
)
_NOWHERE = "127.0.0.1:1"  # the document is made without a server
_SETTINGS = {
    "HOLDFAST_DATABASE_URL": f"postgresql://nobody@{_NOWHERE}/none",
    "HOLDFAST_BROKER_URL": f"redis://{_NOWHERE}/0",
    "HOLDFAST_CACHE_URL": f"redis://{_NOWHERE}/0",
    "HOLDFAST_SMTP_URL": f"smtp://{_NOWHERE}",
    "HOLDFAST_TOKEN_SECRET": "only-to-draw-the-document:0123456789",
    "HOLDFAST_PASSWORD_PEPPER": "9876543210:tnemucod-eht-ward-ot-ylno",
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The HTTP API as a document, and what has changed in it.")
    parser.add_argument("what", choices=["document", "changes"])
    parser.add_argument("revision", nargs="?", help="to compare with; the release before unless named")
    options = parser.parse_args()
    if options.what == "document":
        print(json.dumps(document(ROOT), indent=2))
        return
    revision = options.revision or previous_release()
    with old_tree(revision) as tree:
        changes = compare(document(tree), document(ROOT))
    print("\n".join(report(changes, revision)))
    sys.exit(bool(changes.breaking))


def document(tree: Path) -> Json:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    done = subprocess.run([python_of(tree), "-c", _PRINT], cwd=tree, env=inherited | _SETTINGS, stdout=subprocess.PIPE, check=True)
    found: Json = json.loads(done.stdout)
    return found


def report(changes: Changes, revision: str) -> Iterator[str]:
    yield f"### The HTTP API, compared with {revision}\n"
    if changes.breaking:
        yield "**Clients would break.** Keep the old way beside the new one until nobody uses it:\n"
        yield from (f"- {change}" for change in changes.breaking)
        yield ""
    if changes.others:
        yield "Changes that break nobody:\n"
        yield from (f"- {change}" for change in changes.others)
    if changes == Changes((), ()):
        yield "Nothing has changed."


if __name__ == "__main__":
    main()
