"""PostgreSQL and Redis from Docker images, for those who would rather test against what they deploy."""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

# Docker's client takes a second to import, so only a run that wants it does.
# ruff: noqa: PLC0415

POSTGRES_IMAGE = "postgres:17"
REDIS_IMAGE = "redis:8"
_COUNTING = "postgres -c shared_preload_libraries=pg_stat_statements"  # as in deploy/local/postgres.py


def are_wanted() -> bool:
    return os.environ.get("HOLDFAST_TEST_CONTAINERS") == "1"


@contextmanager
def postgres() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    _ensure_images(POSTGRES_IMAGE)
    password = secrets.token_hex()  # "test" would be found in every log that is searched for it
    with PostgresContainer(POSTGRES_IMAGE, password=password, driver=None).with_command(_COUNTING) as container:
        yield container.get_connection_url()


@contextmanager
def redis() -> Iterator[str]:
    from testcontainers.community.redis import RedisContainer

    _ensure_images(REDIS_IMAGE)
    with RedisContainer(REDIS_IMAGE) as container:
        yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"


def _ensure_images(image: str) -> None:
    """A daemon that answers may still be unable to pull, and would say so only after minutes of retries."""
    from docker import from_env
    from docker.errors import DockerException
    from testcontainers.core.config import testcontainers_config

    images = [image] if testcontainers_config.ryuk_disabled else [image, testcontainers_config.ryuk_image]
    for wanted in images:
        try:
            with closing(from_env()) as client:
                _ensure_image(client, wanted)
        except DockerException as error:
            raise AssertionError(f"HOLDFAST_TEST_CONTAINERS=1, but Docker cannot provide {wanted}: {error}") from error


def _ensure_image(client: "DockerClient", image: str) -> None:
    from docker.errors import ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        client.images.pull(image)
