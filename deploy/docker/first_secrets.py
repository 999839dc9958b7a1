"""`python -m deploy.docker.first_secrets`: the secrets of this installation, made on its first start and kept.

Each folder is a volume that only those containers mount who need what is in it. They run as users of their own, so every user of a
container may read its files; nobody may write them.
"""

import secrets
from pathlib import Path

FOLDER = Path("/run/secrets")
SECRET_BYTES = 48


def make(folder: Path) -> None:
    """Write what is not there yet."""
    database = _kept(folder / "postgres" / "password", _new())
    redis = _kept(folder / "redis" / "password", _new())
    _kept(folder / "redis" / "redis.conf", f"requirepass {redis}\n")
    ours = {
        "HOLDFAST_DATABASE_URL": f"postgresql://holdfast:{database}@postgres:5432/holdfast",
        "HOLDFAST_BROKER_URL": f"redis://:{redis}@broker:6379/0",
        "HOLDFAST_CACHE_URL": f"redis://:{redis}@cache:6379/0",
        "HOLDFAST_TOKEN_SECRET": _new(),
        "HOLDFAST_PASSWORD_PEPPER": _new(),
    }
    for name, value in ours.items():
        _kept(folder / "holdfast" / name, value)


def _kept(file: Path, value: str) -> str:
    """What the file says; if there is none yet, it says this from now on."""
    if not file.exists():
        unfinished = file.with_name(f".{file.name}")
        unfinished.write_text(value, encoding="utf-8")
        unfinished.chmod(0o444)
        unfinished.replace(file)
    return file.read_text(encoding="utf-8")


def _new() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


if __name__ == "__main__":
    make(FOLDER)
