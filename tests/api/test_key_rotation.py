"""Without this, a rotation of the signing key signs people out, or a key that leaked signs for ever."""

import asyncio
import time
import uuid

import jwt

from services.inventory.accounts.access import REREAD_SECONDS
from services.inventory.accounts.commands import rotate_keys
from services.inventory.accounts.keys import SIGNS_AFTER_SECONDS
from services.inventory.accounts.model import ACCESS_SECONDS
from services.runtime.database import Database as OurDatabase
from tests.support.api import Api
from tests.support.database import Database
from tests.support.devices import Device, sign_in
from tests.support.eventually import eventually
from tests.support.people import People


def kid_of(device: Device) -> str:
    kid: str = jwt.get_unverified_header(device.access_token)["kid"]
    return kid


class Load:
    """Devices that use their tokens, and refresh them, without a pause."""

    def __init__(self, devices: list[Device]) -> None:
        self._devices = devices
        self._stop = asyncio.Event()
        self.rounds = 0
        self.kids: set[str] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for device in self._devices:
                group.create_task(self._use(device))

    async def go_on(self) -> None:
        """Return once every device has used its tokens a few times more, and each process has reread the keys in between."""
        enough, until = self.rounds + 5 * len(self._devices), time.monotonic() + 2 * REREAD_SECONDS

        async def is_enough() -> bool:
            return self.rounds >= enough and time.monotonic() >= until

        await eventually(is_enough, within_seconds=20)

    def stop(self) -> None:
        self._stop.set()

    async def _use(self, device: Device) -> None:
        while not self._stop.is_set():
            await device.rotate()
            assert await device.is_let_in()
            self.kids.add(kid_of(device))
            self.rounds += 1


async def pass_time(database: Database, kid: str, seconds: float) -> None:
    await database.do(f"UPDATE signing_keys SET created_at = created_at - interval '{seconds} s' WHERE kid = $1", kid)  # noqa: S608


async def test_a_rotation_under_load_refuses_nobody(api_processes: Api, people: People, database: Database, ours: OurDatabase) -> None:
    devices = [await sign_in(api_processes, await people.join()) for _ in range(4)]
    before = await sign_in(api_processes, await people.join())  # keeps the token that it was given before
    load, new = Load(devices), str(uuid.uuid4())
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        await load.go_on()
        await ours.transact(rotate_keys, new)
        await load.go_on()

        await pass_time(database, new, SIGNS_AFTER_SECONDS)

        async def do_all_have_it() -> bool:
            return {kid_of(device) for device in devices} == {new}

        await eventually(do_all_have_it, within_seconds=10)
        await load.go_on()
        assert await before.is_let_in()
        load.stop()

    assert load.kids == {kid_of(before), new}
    await pass_time(database, new, ACCESS_SECONDS)
    await eventually(before.is_shut_out, within_seconds=2)
    assert all([await device.is_let_in() for device in devices])
