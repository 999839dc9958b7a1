"""Hashes and checks passwords, one after the other, in a process of its own.

Run as a file and not as a module, by services/runtime/aside.py: so it imports nothing of ours and takes 10 MB. It reads a question in
each line and answers it in a line. It never sees a password, but only what is hashed of one.
"""

import json
import sys

import bcrypt

_NOBODYS = b"." * 31  # the rest of a hash, behind its salt


def make_hash(material: str, cost: int) -> str:
    return bcrypt.hashpw(material.encode(), bcrypt.gensalt(cost)).decode()


def check(material: str, cost: int, stored: str | None) -> bool:
    """Whether it is what was hashed; a no, too, takes as long as making a hash of this cost, and so does one for no hash at all."""
    asked, nobodys = material.encode(), bcrypt.gensalt(cost) + _NOBODYS
    known = nobodys if stored is None else stored.encode(errors="surrogatepass")
    try:
        is_right = bcrypt.checkpw(asked, known)
    except ValueError:  # no hash of ours, but what an import or a hand wrote there
        return bcrypt.checkpw(asked, nobodys) and False
    # A hash from before the cost was raised must not tell by its speed that the address has an account. Each cost takes twice
    # as long as the one before, so these add up to the difference.
    for lower in range(cost_of(known), cost):
        bcrypt.hashpw(asked, bcrypt.gensalt(lower))
    return is_right and stored is not None


def cost_of(known: bytes) -> int:
    return int(known.split(b"$")[2])


def main() -> None:
    for line in sys.stdin:
        material, cost, *stored = json.loads(line)
        sys.stdout.write(json.dumps(check(material, cost, *stored) if stored else make_hash(material, cost)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
