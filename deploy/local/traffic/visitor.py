"""One person's requests: at the pace of the shop, signed in where that is needed, and repeated until there is an answer."""

import time
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx

from deploy.local.credentials import Login
from deploy.local.exchange import Request
from deploy.local.traffic.pace import Pace
from deploy.local.traffic.tally import Tally
from deploy.local.trouble import Trouble

WAITS = (0.2, 0.5, 1.0, 2.0)  # seconds between tries; the last one again and again while the server is away
EXPIRY_MARGIN_SECONDS = 30
OF_PROXIES = {HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}  # what they say while the API behind them starts


class Visitor:
    """Somebody with an account, who need not be signed in to look around."""

    def __init__(self, http: httpx.AsyncClient, login: Login, *, pace: Pace, tally: Tally) -> None:
        self._http = http
        self._login = login
        self._pace = pace
        self.tally = tally
        self._session: dict[str, Any] = {}
        self._good_until = 0.0

    async def look(self, path: str) -> httpx.Response:
        """As anybody."""
        return await self._send(Request("GET", path), token=None)

    async def ask(self, request: Request) -> httpx.Response:
        """As the account. Raises Trouble when it cannot sign in."""
        token = await self._token()
        answer = await self._send(request, token=token)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:  # the session was ended from elsewhere
            self._session = {}
            answer = await self._send(request, token=await self._token())
        return answer

    async def mistype(self) -> None:
        """Sign in with a wrong password."""
        await self._sign_in(replace(self._login, password=f"{self._login.password}?"))

    async def _token(self) -> str:
        if time.monotonic() > self._good_until and self._session:
            self._keep(
                await self._send(Request("POST", "/v1/auth/refresh", body={"refresh_token": self._session["refresh_token"]}), token=None)
            )
        if not self._session:
            self._keep(await self._sign_in(self._login))
        if not self._session:
            raise Trouble(f"{self._login.email} cannot sign in: it has another password there, or is no account")
        return str(self._session["access_token"])

    async def _sign_in(self, login: Login) -> httpx.Response:
        return await self._send(Request("POST", "/v1/auth/token", form={"username": login.email, "password": login.password}), token=None)

    def _keep(self, answer: httpx.Response) -> None:
        self._session = answer.json() if answer.is_success else {}
        self._good_until = time.monotonic() + self._session.get("expires_in", 0) - EXPIRY_MARGIN_SECONDS

    async def _send(self, request: Request, *, token: str | None) -> httpx.Response:
        """Until there is an answer, always with the same key: what was done and not heard of is not done twice."""
        tries = 0
        while True:
            await self._pace.turn()
            answer = await self._try(request, token)
            if answer is not None and not _is_passing(answer):
                return answer
            await self._pace.pause(_said_wait(answer) or WAITS[min(tries, len(WAITS) - 1)])
            tries += 1

    async def _try(self, request: Request, token: str | None) -> httpx.Response | None:
        began = time.monotonic()
        try:
            answer = await self._http.request(
                request.method, request.path, json=request.body, data=request.form, headers=request.headers(token)
            )
        except httpx.TransportError:
            self.tally.note_silence()
            return None
        self.tally.note_answer(answer.status_code, seconds=time.monotonic() - began)
        return answer


def _is_passing(answer: httpx.Response) -> bool:
    """Whether the server asks to try again: over a limit, overloaded, or still at work on the same key."""
    return "Retry-After" in answer.headers or answer.status_code in OF_PROXIES


def _said_wait(answer: httpx.Response | None) -> int | None:
    """Seconds from Retry-After, which a proxy may also fill with a date: then our own wait will do."""
    said = answer.headers.get("Retry-After", "") if answer is not None else ""
    return int(said) if said.isascii() and said.isdigit() else None
