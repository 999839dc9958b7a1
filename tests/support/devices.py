"""Devices on which somebody has signed in."""

from dataclasses import dataclass

import httpx

from tests.support.api import Api, Json
from tests.support.people import Person


@dataclass(slots=True)
class Device:
    """What a device keeps, and what it asks for with it."""

    http: httpx.AsyncClient
    access_token: str
    refresh_token: str

    def take(self, tokens: Json) -> None:
        """Keep the tokens of this answer from now on."""
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.http.headers["Authorization"] = f"Bearer {self.access_token}"

    async def refresh(self, token: str | None = None) -> httpx.Response:
        """With its own refresh token, unless another is given. What comes back is not kept."""
        return await self.http.post("/v1/auth/refresh", json={"refresh_token": token or self.refresh_token})

    async def rotate(self) -> None:
        answer = await self.refresh()
        assert answer.status_code == 200, answer.text
        self.take(answer.json())

    async def sign_out(self, token: str | None = None) -> httpx.Response:
        return await self.http.post("/v1/auth/logout", json={"refresh_token": token or self.refresh_token})

    async def sessions(self) -> list[Json]:
        answer = await self.http.get("/v1/auth/sessions")
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def is_let_in(self) -> bool:
        """Whether the access token counts."""
        answer = await self.http.get("/v1/me")
        assert answer.status_code in {200, 401}, answer.text
        return answer.is_success

    async def is_shut_out(self) -> bool:
        return not await self.is_let_in()


async def sign_in(api: Api, person: Person, user_agent: bytes = b"tests") -> Device:
    """A new device of this person's."""
    http = (await api.client()).http
    http.headers = httpx.Headers([(b"User-Agent", user_agent)])
    answer = await http.post("/v1/auth/token", data={"username": person.email, "password": person.password})
    assert answer.status_code == 200, answer.text
    device = Device(http, "", "")
    device.take(answer.json())
    return device
