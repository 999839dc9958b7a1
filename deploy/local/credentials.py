"""The demo accounts of this installation: random passwords, kept in `.run/credentials.json`, never in the repository."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from deploy.local.places import write_private
from deploy.local.trouble import Trouble

Role = Literal["admin", "staff", "customer"]
ROLES: tuple[Role, ...] = ("admin", "staff", "customer")
REGULARS = ("ann", "ben", "cleo", "dan")
# Without letters that are taken for digits: these are read from a screen and typed into forms.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP_LENGTH = 4, 4  # 79 random bits


@dataclass(frozen=True, slots=True)
class Login:
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Credentials:
    admin: Login
    staff: Login
    customer: Login
    regulars: tuple[Login, ...] = field(default=(), kw_only=True)  # the customers of `make traffic`, who share a password

    def of(self, role: Role) -> Login:
        logins: dict[Role, Login] = {"admin": self.admin, "staff": self.staff, "customer": self.customer}
        return logins[role]


def load_or_create(file: Path) -> Credentials:
    """The accounts of this installation; those that there are not yet are invented."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for names in (*((role,) for role in ROLES), REGULARS):
        password = _password()
        known = {name: asdict(Login(f"{name}@holdfast.example", password)) for name in names} | known
    write_private(file, json.dumps(known, indent=2) + "\n")
    return load(file)


def load(file: Path) -> Credentials:
    if not file.exists():
        raise Trouble("there are no demo accounts yet: make up creates them")
    known = {name: Login(login["email"], login["password"]) for name, login in json.loads(file.read_text(encoding="utf-8")).items()}
    return Credentials(*(known[role] for role in ROLES), regulars=tuple(known[name] for name in REGULARS if name in known))


def _password() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
