"""Without this, a dump of the database is a list of keys to everybody's account."""

import base64
import hashlib

from tests.support.api import Api
from tests.support.database import Database
from tests.support.devices import sign_in
from tests.support.people import People
from tests.support.settings import Where, settings

EVERY_COLUMN = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type IN ('text', 'bytea', 'jsonb', 'json', 'character varying', 'uuid', 'ARRAY')
"""


async def dump(database: Database) -> bytes:
    """Every value of every column that could hold a secret, bytes as they are."""
    found = []
    for table, column in await database.rows(EVERY_COLUMN):
        for (value,) in await database.rows(f'SELECT DISTINCT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'):  # noqa: S608
            found.append(value if isinstance(value, bytes) else str(value).encode())
    return b"\n".join(found)


async def test_a_dump_of_the_database_is_of_no_use_to_a_thief(api: Api, people: People, database: Database) -> None:
    person = await people.join()
    device = await sign_in(api, person)
    used = device.refresh_token
    await device.rotate()
    secret = settings(Where(database_url=database.url)).token_secret.get_secret_value()
    secrets = [person.password, used, device.refresh_token, device.access_token, device.access_token.rpartition(".")[2], secret]

    dumped = await dump(database)

    assert hashlib.sha256(device.refresh_token.encode()).digest() in dumped  # the dump is whole
    for word in secrets:
        assert word.encode() not in dumped
        assert word.encode().hex().encode() not in dumped
    for (digest,) in await database.rows("SELECT token_hash FROM refresh_tokens"):
        for guess in (digest.hex(), base64.urlsafe_b64encode(digest).decode().rstrip("=")):
            assert (await device.refresh(guess)).status_code == 401
