"""The code of an earlier commit, in a folder of its own."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.places import ROOT

LOCK = "requirements-dev.txt"


def previous_release() -> str:
    """The newest tag before this commit, or else the commit before: what runs while this one is deployed."""
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^", may_fail=True)
    return tag or _git("rev-parse", "--short", "HEAD^")


@contextmanager
def old_tree(revision: str) -> Iterator[Path]:
    """The files of that revision, and a `.venv` with the packages that it was tested with."""
    with tempfile.TemporaryDirectory(prefix="holdfast-old-") as folder:
        tree = Path(folder) / "tree"
        Path(folder).chmod(0o755)  # called by root, PostgreSQL runs as nobody, who has to walk to its programs
        _git("worktree", "add", "--quiet", "--detach", str(tree), revision)
        try:
            _install(tree)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def python_of(tree: Path) -> Path:
    return tree / ".venv" / "bin" / "python"


def changes_since(revision: str, *paths: str) -> bool:
    return bool(_git("diff", "--name-only", revision, "--", *paths))


def _install(tree: Path) -> None:
    if (tree / LOCK).read_bytes() == (ROOT / LOCK).read_bytes():
        (tree / ".venv").symlink_to((ROOT / ".venv").resolve())
        return
    subprocess.run([sys.executable, "-m", "deploy.local.install"], cwd=tree, check=True)


def _git(*arguments: str, may_fail: bool = False) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607  # wherever it is
    if done.returncode and not may_fail:
        sys.exit(f"git {' '.join(arguments)}: {done.stderr.strip()}; a shallow clone needs its history: git fetch --unshallow --tags")
    return done.stdout.strip()
