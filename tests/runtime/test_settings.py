"""Without these, a process starts with a secret that anybody can guess, or a misspelt setting is silently ignored."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.runtime.settings import PREFIX, InvalidSettings, Settings, load_settings, unknown_variables
from tests.support.settings import Where, environment, settings

HERE = Where(database_url="postgresql://me:hunter2@127.0.0.1:5432/holdfast")


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which everything is set."""
    for name, value in environment(HERE).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_complete_environment_starts(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("HOLDFAST_PORT", "8123")

    loaded = load_settings()

    assert loaded.pooled_url == "postgresql+asyncpg://me:hunter2@127.0.0.1:5432/holdfast"
    assert not loaded.has_pooler
    assert (loaded.api_workers, loaded.log_format, loaded.host) == (2, "json", "127.0.0.1")


def test_migrations_go_past_a_pooler() -> None:
    chosen = settings(HERE, direct_database_url="postgresql://me@127.0.0.1:6000/holdfast")

    assert chosen.direct_url == "postgresql+asyncpg://me@127.0.0.1:6000/holdfast"
    assert chosen.has_pooler


def test_a_file_named_like_a_variable_is_as_good_as_that_variable(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.setenv("HOLDFAST_SECRETS_DIR", str(tmp_path))
    variables.delenv("HOLDFAST_DATABASE_URL")
    (tmp_path / "HOLDFAST_DATABASE_URL").write_text("postgresql://me@from-the-file/holdfast\n")
    (tmp_path / "HOLDFAST_BROKER_URL").write_text("redis://from-the-file/0")

    loaded = load_settings()

    assert loaded.pooled_url == "postgresql+asyncpg://me@from-the-file/holdfast"
    assert "from-the-file" not in loaded.broker_url.get_secret_value(), "the variable is set, and wins"


def test_files_are_found_as_kubernetes_lays_them_out(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Links to a folder that is replaced as a whole when the secret changes.
    variables.setenv("HOLDFAST_SECRETS_DIR", str(tmp_path))
    variables.delenv("HOLDFAST_DATABASE_URL")
    (tmp_path / "..2026_11_26").mkdir()
    (tmp_path / "..2026_11_26" / "HOLDFAST_DATABASE_URL").write_text("postgresql://me@from-the-file/holdfast")
    (tmp_path / "..data").symlink_to("..2026_11_26")
    (tmp_path / "HOLDFAST_DATABASE_URL").symlink_to("..data/HOLDFAST_DATABASE_URL")

    assert load_settings().pooled_url == "postgresql+asyncpg://me@from-the-file/holdfast"


def test_a_secret_from_a_file_is_checked_like_any_other(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.setenv("HOLDFAST_SECRETS_DIR", str(tmp_path))
    variables.delenv("HOLDFAST_TOKEN_SECRET")
    (tmp_path / "HOLDFAST_TOKEN_SECRET").write_text("hunter2")

    with pytest.raises(InvalidSettings, match=r"^HOLDFAST_TOKEN_SECRET is weak: ") as refusal:
        load_settings()

    assert "hunter2" not in str(refusal.value)


def test_a_folder_of_secrets_that_is_not_there_is_named(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variables.setenv("HOLDFAST_SECRETS_DIR", str(tmp_path / "typo"))

    with pytest.raises(InvalidSettings, match=r"^HOLDFAST_SECRETS_DIR .*directory"):
        load_settings()


@pytest.mark.parametrize("name", ["DATABASE_URL", "BROKER_URL", "CACHE_URL", "SMTP_URL"])
def test_what_must_be_set_is_named(variables: pytest.MonkeyPatch, name: str) -> None:
    variables.delenv(PREFIX + name)

    with pytest.raises(InvalidSettings, match=f"^{PREFIX}{name} is not set: .env.example explains it$"):
        load_settings()


@pytest.mark.parametrize("name", ["TOKEN_SECRET", "PASSWORD_PEPPER"])
def test_a_missing_secret_is_named_with_how_to_make_one(variables: pytest.MonkeyPatch, name: str) -> None:
    variables.delenv(PREFIX + name)

    with pytest.raises(
        InvalidSettings, match=f"^{PREFIX}{name} is not set: make one of at least 32 random characters with `make secrets`$"
    ):
        load_settings()


@pytest.mark.parametrize("name", ["TOKEN_SECRET", "PASSWORD_PEPPER"])
@pytest.mark.parametrize("weak", ["hunter2", "a" * 64, "changeme" * 8, "0123456789abcdefghijklmnopqrstu"])
def test_a_weak_secret_does_not_start_and_is_not_shown(variables: pytest.MonkeyPatch, name: str, weak: str) -> None:
    variables.setenv(PREFIX + name, weak)

    with pytest.raises(InvalidSettings, match=f"^{PREFIX}{name} is weak: make one of at least 32 random characters with") as refusal:
        load_settings()

    assert weak not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://me:hunter2@localhost/holdfast"),
        ("DATABASE_URL", "postgresql:///hunter2"),
        ("DIRECT_DATABASE_URL", "hunter2"),
        ("BROKER_URL", "http://:hunter2@localhost"),
        ("CACHE_URL", "http://:hunter2@localhost"),
        ("CACHE_URL", "amqp://:hunter2@localhost"),
        ("REDIS_TIMEOUT_MS", "0"),
        ("RATE_LIMIT_FACTOR", "-1"),
        ("RATE_LIMIT_FACTOR", "nan"),
        ("CACHE", "hunter2"),
        ("FAST_PATH", "hunter2"),
        ("SMTP_URL", "smtp+tls://me:hunter2@localhost"),
        ("SMTP_URL", "smtp://me:hunter2@mail.example"),  # in the clear
        ("SMTP_URL", "smtp://me:hunter2@localhost:99999"),
        ("DATABASE_URL", "postgresql://me:hunter2@localhost:port/holdfast"),
        ("PUBLIC_URL", "shop.hunter2"),
        ("PUBLIC_URL", "ftp://shop.hunter2"),
        ("PUBLIC_URL", "https://shop.example/?hunter2"),
        ("PUBLIC_URL", "https://shop.example/#hunter2"),
        ("PUBLIC_URL", "https://me:hunter2@shop.example"),
        ("PUBLIC_URL", "https://shop.example/ hunter2"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "hunter2"),
        ("API_WORKERS", "0"),
        ("BCRYPT_COST", "3"),
        ("BCRYPT_COST", "17"),
        ("DATABASE_POOL_SIZE", "0"),
        ("LOG_FORMAT", "xml"),
        ("SQL", "1"),
        ("SENTRY_DSN", "hunter2"),
        ("SENTRY_DSN", "https://sentry.example/hunter2"),
        ("SENTRY_DSN", "https://hunter2@sentry.example/"),
        ("SENTRY_DSN", "ftp://hunter2@sentry.example/42"),
        ("RELEASE", "hunter2/1"),
        ("RELEASE", "hunter2 " * 20),
    ],
)
def test_what_cannot_work_is_named_and_not_shown(variables: pytest.MonkeyPatch, name: str, value: str) -> None:
    variables.setenv(PREFIX + name, value)

    with pytest.raises(InvalidSettings, match=f"^{PREFIX}{name} ") as refusal:
        load_settings()

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("name", ["TOKEN_SECRET", "DIRECT_DATABASE_URL", "PORT"])
def test_an_empty_variable_is_one_that_is_not_set(variables: pytest.MonkeyPatch, name: str) -> None:
    variables.setenv(PREFIX + name, "")

    if name == "TOKEN_SECRET":
        with pytest.raises(InvalidSettings, match=f"^{PREFIX}{name} is not set: "):
            load_settings()
    else:
        assert load_settings().port == 8000


def test_links_start_where_the_api_listens_unless_the_settings_know_better(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("HOLDFAST_PORT", "8123")
    assert load_settings().base_url == "http://127.0.0.1:8123"

    variables.setenv("HOLDFAST_PUBLIC_URL", "https://shop.example/stock/")
    assert load_settings().base_url == "https://shop.example/stock"


def test_one_secret_for_two_purposes_does_not_start(variables: pytest.MonkeyPatch) -> None:
    variables.setenv("HOLDFAST_PASSWORD_PEPPER", settings(HERE).token_secret.get_secret_value())
    variables.setenv("HOLDFAST_TOKEN_SECRET", settings(HERE).token_secret.get_secret_value())

    with pytest.raises(InvalidSettings, match="are the same"):
        load_settings()


def test_a_url_of_libpq_asks_asyncpg_for_the_same_encryption() -> None:
    chosen = settings(Where(database_url="postgresql://me@db.example/holdfast?sslmode=require"))

    assert chosen.pooled_url == "postgresql+asyncpg://me@db.example/holdfast?ssl=require"


def test_all_that_is_wrong_is_told_at_once(variables: pytest.MonkeyPatch) -> None:
    variables.delenv("HOLDFAST_SMTP_URL")
    variables.setenv("HOLDFAST_PORT", "0")

    with pytest.raises(InvalidSettings) as refusal:
        load_settings()

    assert [sentence.split()[0] for sentence in str(refusal.value).splitlines()] == ["HOLDFAST_SMTP_URL", "HOLDFAST_PORT"]


def test_a_secret_that_cannot_be_read_is_a_sentence(variables: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "holdfast_token_secret").write_bytes(b"\xff" * 40)
    variables.delenv("HOLDFAST_TOKEN_SECRET")
    variables.setenv("HOLDFAST_SECRETS_DIR", str(tmp_path))

    with pytest.raises(InvalidSettings, match=r"^HOLDFAST_SECRETS_DIR has a file that cannot be read: .*token_secret"):
        load_settings()


def test_settings_do_not_show_their_secrets_and_do_not_change() -> None:
    chosen = settings(HERE)

    assert "hunter2" not in f"{chosen!r} {chosen} {chosen.model_dump()}"
    assert chosen.token_secret.get_secret_value() not in repr(chosen)
    with pytest.raises(ValidationError):
        chosen.port = 1  # type: ignore[misc]  # mypy knows it too


def test_a_misspelt_variable_is_named_with_the_nearest_known_one() -> None:
    sentences = list(
        unknown_variables(
            {"HOLDFAST_DATABSE_URL": "x", "HOLDFAST_PORT": "1", "HOLDFAST_TEST_DATABASE_URL": "x", "PATH": "x", "HOLDFAST_": "x"}
        )
    )

    assert sentences[1] == "HOLDFAST_DATABSE_URL is not a setting; did you mean HOLDFAST_DATABASE_URL?"
    assert sentences[0].startswith("HOLDFAST_ is not a setting;")
    assert len(sentences) == 2


def test_every_setting_is_known() -> None:
    assert list(unknown_variables({PREFIX + name.upper(): "" for name in Settings.model_fields})) == []
