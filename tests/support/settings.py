"""The settings that every process and every app of a test run gets."""

import os
from dataclasses import dataclass

from services.runtime.settings import PREFIX, Settings

_SECRET = "only-for-tests:" + "0123456789abcdef" * 2
_NOBODY = "127.0.0.1:1"  # nothing listens there: a test that needs the server says so
NO_REDIS = f"redis://{_NOBODY}/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The servers that a process of ours is pointed at."""

    database_url: str
    broker_url: str = NO_REDIS
    cache_url: str = NO_REDIS
    smtp_url: str = f"smtp://{_NOBODY}"


def settings(where: Where, **chosen: str) -> Settings:
    """For an app inside the test's own process."""
    return Settings.model_validate(_all(where, chosen))


def environment(where: Where, **chosen: str) -> dict[str, str]:
    """For a process; of the caller's own settings none remains."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | {PREFIX + name.upper(): value for name, value in _all(where, chosen).items()}


def _all(where: Where, chosen: dict[str, str]) -> dict[str, str]:
    return {
        "database_url": where.database_url,
        "broker_url": where.broker_url,
        "cache_url": where.cache_url,
        "smtp_url": where.smtp_url,
        "redis_timeout_ms": "1000",  # a machine that runs many tests at once is no slow Redis
        "rate_limit_factor": "1000",  # a test asks as often as it likes, and is counted
        "token_secret": _SECRET,
        "password_pepper": _SECRET[::-1],
        "metrics_port": "0",  # a test that scrapes says where
        "bcrypt_cost": "4",  # the least there is: a test's password guards nothing
        **chosen,
    }
