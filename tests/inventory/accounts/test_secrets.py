"""Without these, a token or the hash of a password stands in a log line because somebody logged the object that carries it."""

import pkgutil
import re
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass
from importlib import import_module
from typing import Any, get_args

from services import inventory

_SECRET = re.compile(r"token|password|secret|pepper|hash", re.IGNORECASE)


def dataclasses_of_the_business() -> Iterator[type]:
    for module in pkgutil.walk_packages(inventory.__path__, f"{inventory.__name__}."):
        for found in vars(import_module(module.name)).values():
            if isinstance(found, type) and is_dataclass(found) and found.__module__ == module.name:
                yield found


def secrets_of(one: type) -> list["Field[Any]"]:
    """The fields that hold text or bytes and speak of a secret, by their own name or by that of their class."""
    carrying = (each for each in fields(one) if {str, bytes} & {each.type, *get_args(each.type)})
    return [each for each in carrying if _SECRET.search(f"{one.__name__}.{each.name}")]


def shown(one: type) -> list[str]:
    return [f"{one.__name__}.{each.name}" for each in secrets_of(one) if each.repr]


def test_no_secret_shows_in_the_repr_of_what_carries_it() -> None:
    found = list(dataclasses_of_the_business())

    assert {each.name for one in found for each in secrets_of(one)} >= {"text", "refresh_token", "link_token"}
    assert [name for one in found for name in shown(one)] == []


def test_the_rule_can_be_broken() -> None:
    @dataclass
    class Device:
        name: str
        token_count: int
        refresh_token: str
        old_password: str | None = None
        key_hash: bytes = field(default=b"", repr=False)

    assert shown(Device) == ["Device.refresh_token", "Device.old_password"]
