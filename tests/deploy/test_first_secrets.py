"""Without these, every installation has the same secrets, or a second start has others than the first and can read nothing."""

from pathlib import Path

import pytest

from deploy.docker import first_secrets
from services.runtime.settings import load_settings

FOLDERS = ("holdfast", "postgres", "redis")


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Empty, as they are before the first start."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    return tmp_path


def contents(volumes: Path) -> dict[str, str]:
    return {str(file.relative_to(volumes)): file.read_text() for file in volumes.rglob("*") if file.is_file()}


def test_our_processes_start_with_them(volumes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_secrets.make(volumes)
    monkeypatch.setenv("HOLDFAST_SECRETS_DIR", str(volumes / "holdfast"))
    monkeypatch.setenv("HOLDFAST_SMTP_URL", "smtp://mailpit:1025")

    loaded = load_settings()

    password = (volumes / "postgres" / "password").read_text()
    assert loaded.pooled_url == f"postgresql+asyncpg://holdfast:{password}@postgres:5432/holdfast"
    redis = (volumes / "redis" / "password").read_text()
    assert loaded.broker_url.get_secret_value() == f"redis://:{redis}@broker:6379/0"
    assert (volumes / "redis" / "redis.conf").read_text() == f"requirepass {redis}\n"


def test_a_second_start_changes_nothing(volumes: Path) -> None:
    first_secrets.make(volumes)
    first = contents(volumes)

    first_secrets.make(volumes)

    assert contents(volumes) == first


def test_a_start_that_was_cut_off_is_finished_with_what_it_had_made(volumes: Path) -> None:
    first_secrets.make(volumes)
    first = contents(volumes)
    (volumes / "holdfast" / "HOLDFAST_DATABASE_URL").unlink()

    first_secrets.make(volumes)

    assert contents(volumes) == first


def test_two_installations_have_nothing_in_common(volumes: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    for name in FOLDERS:
        (other / name).mkdir()
    first_secrets.make(volumes)
    first_secrets.make(other)

    assert set(contents(volumes).values()) & set(contents(other).values()) == set()


def test_every_user_of_a_container_may_read_them_and_nobody_may_write(volumes: Path) -> None:
    first_secrets.make(volumes)

    assert {file.stat().st_mode & 0o777 for file in volumes.rglob("*") if file.is_file()} == {0o444}
