"""The demo accounts of this installation: random passwords, kept in `.run/credentials.json`, never in the repository."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from deploy.local.places import write_private
from deploy.local.trouble import Trouble

Role = Literal["admin", "staff", "customer"]
ROLES: tuple[Role, ...] = ("admin", "staff", "customer")
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

    def of(self, role: Role) -> Login:
        logins: dict[Role, Login] = {"admin": self.admin, "staff": self.staff, "customer": self.customer}
        return logins[role]


def load_or_create(file: Path) -> Credentials:
    """The accounts of this installation; invented when there are none yet."""
    if not file.exists():
        invented = Credentials(*(Login(f"{role}@holdfast.example", _password()) for role in ROLES))
        write_private(file, json.dumps(asdict(invented), indent=2) + "\n")
    return load(file)


def load(file: Path) -> Credentials:
    if not file.exists():
        raise Trouble("there are no demo accounts yet: make up creates them")
    known = json.loads(file.read_text(encoding="utf-8"))
    return Credentials(*(Login(known[role]["email"], known[role]["password"]) for role in ROLES))


def _password() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
