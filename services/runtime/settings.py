"""Every setting of every process, from `HOLDFAST_` variables; `.env.example` explains each."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

PREFIX = "HOLDFAST_"
SECRET_LENGTH_MIN = 32  # HS256 wants a key as long as its hash; 32 characters of base64 are 192 random bits
SECRET_DISTINCT_MIN = 10  # "aaaa…" and "changemechangeme…" have fewer
PORT_MAX = 65_535

_MADE = {"token_secret", "password_pepper"}
_MAKE_ONE = f"make one of at least {SECRET_LENGTH_MIN} random characters with `make secrets`"
# As a browser sends it, without path or capitals; "*" and "null" would be anybody.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]+)?")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_RELEASE = re.compile(r"[A-Za-z0-9._@+-]{1,100}")  # a label of a metric, and Sentry takes no slash in it
_LINKABLE = re.compile(r"[!-~]+")


class InvalidSettings(Exception):
    """The environment cannot run this process; the message says what to change, and never shows a value."""


def _strong(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if len(value) < SECRET_LENGTH_MIN or len(set(value)) < SECRET_DISTINCT_MIN:
        raise ValueError(f"is weak: {_MAKE_ONE}")
    return secret


def _url_of(*schemes: str) -> AfterValidator:
    def check(url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in schemes or not parts.hostname or not _has_legal_port(parts):
            raise ValueError(f"must be a URL like {schemes[0]}://host:port/…")
        return url

    return AfterValidator(check)


def _has_legal_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _sentry_dsn(dsn: SecretStr) -> SecretStr:
    parts = urlsplit(dsn.get_secret_value())
    if not parts.username or not parts.path.rpartition("/")[2].isdigit():
        raise ValueError("must be a DSN like https://key@sentry.example/42")
    return dsn


def _encrypted_if_signed_in(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme == "smtp" and parts.password and parts.hostname not in _LOOPBACK:
        raise ValueError("would show its password to the network: use smtp+starttls:// or smtps://")
    return url


def _base_url(url: str) -> str:
    parts = urlsplit(url)
    is_a_place = parts.scheme in {"http", "https"} and parts.hostname and _has_legal_port(parts)
    # It is written into mails: nothing in it may end a link, hide the host or be a password.
    if not is_a_place or parts.query or parts.fragment or "@" in parts.netloc or not _LINKABLE.fullmatch(url):
        raise ValueError("must be a URL like https://shop.example")
    return url.rstrip("/")


def _release(name: str) -> str:
    if not _RELEASE.fullmatch(name):
        raise ValueError("must be a version or a commit: up to 100 letters, digits and . _ @ + -")
    return name


def _parts(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part) for part in _parts(text))
    except ValueError:
        raise ValueError("must be networks like 10.0.0.0/8 or fd00::/8, separated by commas; all bits after the prefix are 0") from None


def _origins(text: str) -> tuple[str, ...]:
    origins = _parts(text)
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("must be origins like https://shop.example, separated by commas")
    return tuple(origins)


Secret = Annotated[SecretStr, AfterValidator(_strong)]
Port = Annotated[int, Field(ge=1, le=PORT_MAX)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks), Field(validate_default=False)]
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins), Field(validate_default=False)]
DatabaseUrl = Annotated[SecretStr, _url_of("postgresql")]  # a URL may carry a password, so none is ever printed


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    secrets_dir: DirectoryPath | None = None

    database_url: DatabaseUrl
    direct_database_url: DatabaseUrl | None = None
    broker_url: Annotated[SecretStr, _url_of("redis", "rediss", "amqp", "amqps")]
    cache_url: Annotated[SecretStr, _url_of("redis", "rediss")]
    redis_timeout_ms: Annotated[int, Field(ge=1, le=10_000)] = 50
    smtp_url: Annotated[SecretStr, _url_of("smtp", "smtp+starttls", "smtps"), AfterValidator(_encrypted_if_signed_in)]
    mail_from: str = "Holdfast <no-reply@holdfast.example>"

    token_secret: Secret
    password_pepper: Secret
    bcrypt_cost: Annotated[int, Field(ge=4, le=16)] = 12

    public_url: Annotated[str, AfterValidator(_base_url)] | None = None
    host: str = "127.0.0.1"
    port: Port = 8000
    api_workers: Annotated[int, Field(ge=1, le=64)] = 2
    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    trusted_proxies: Networks = ()
    cors_origins: Origins = ()

    open_holds_per_account: Annotated[int, Field(ge=1)] = 300
    units_on_hold_per_sku: Annotated[int, Field(ge=1)] = 1_000

    rate_limit_factor: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = 1
    cache: Literal["on", "off"] = "on"
    fast_path: Literal["on", "off"] = "on"
    batching: Literal["on", "off"] = "on"

    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_000)] = 9400

    log_format: Literal["json", "text"] = "json"
    sql: Literal["on", "off"] = "off"
    sentry_dsn: Annotated[SecretStr, _url_of("https", "http"), AfterValidator(_sentry_dsn)] | None = None
    release: Annotated[str, AfterValidator(_release)] = "unreleased"

    # Of the local stack alone; named here so that they are not taken for typing errors.
    smtp_port: Port = 1025
    mail_ui_port: Port = 8025

    @model_validator(mode="after")
    def _two_secrets(self) -> Self:
        if self.token_secret == self.password_pepper:
            raise ValueError("HOLDFAST_TOKEN_SECRET and HOLDFAST_PASSWORD_PEPPER are the same: whoever learns one would have both")
        return self

    @property
    def base_url(self) -> str:
        """What links in mails start with. From the settings alone: whoever sends a request could put any name into it."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def is_of_one_machine(self) -> bool:
        """Whether the settings say that only this machine is served, as those of the local stack and of compose do. Unset says nothing."""
        return self.public_url is not None and urlsplit(self.public_url).hostname in _LOOPBACK

    @property
    def direct_url(self) -> str:
        """For SQLAlchemy with asyncpg: PostgreSQL itself, past any pooler."""
        return _for_asyncpg(self.direct_database_url or self.database_url)

    @property
    def pooled_url(self) -> str:
        """For SQLAlchemy with asyncpg: where units of work go."""
        return _for_asyncpg(self.database_url)

    @property
    def has_pooler(self) -> bool:
        """Whether a pooler sits between us and PostgreSQL: then sessions are not ours to set up."""
        return self.direct_url != self.pooled_url


def _for_asyncpg(url: SecretStr) -> str:
    # Hosts hand out libpq's URLs; asyncpg has another word for the same setting.
    return url.get_secret_value().replace("postgresql://", "postgresql+asyncpg://", 1).replace("sslmode=", "ssl=", 1)


def load_settings() -> Settings:
    """The settings of this environment, and of the files of HOLDFAST_SECRETS_DIR where it sets nothing.

    Raises InvalidSettings with one sentence for each variable that is wrong.
    """
    folder = os.environ.get(f"{PREFIX}SECRETS_DIR")
    try:
        # Only a folder that exists: of another, pydantic would warn in words of its own.
        return Settings(_secrets_dir=folder if folder and Path(folder).is_dir() else None)
    except ValidationError as error:
        raise InvalidSettings("\n".join(_sentences(error))) from None
    except SettingsError as error:  # it names the setting, and not what is in the file
        raise InvalidSettings(f"{PREFIX}SECRETS_DIR has a file that cannot be read: {error}") from None


def _sentences(error: ValidationError) -> Iterable[str]:
    for fault in error.errors(include_input=False, include_url=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        reason = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            reason = f"is not set: {_MAKE_ONE}" if name in _MADE else "is not set: .env.example explains it"
        yield f"{PREFIX}{name.upper()} {reason}" if name else reason


def unknown_variables(environment: Mapping[str, str]) -> Iterable[str]:
    """A sentence for each `HOLDFAST_` variable that no setting reads, with the nearest one that is known."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not name.startswith(PREFIX + "TEST_"):
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            yield f"{name} is not a setting; did you mean {nearest}?"
