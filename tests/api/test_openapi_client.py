"""Without this, whoever generates a client from the document gets one with holes, and finds out when the shop is open."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.api import Api

PACKAGE = "holdfast_client"


def generate(document: Path) -> str:
    """Write the package beside the document, as strictly as the generator can; what it says."""
    config = document.with_name("config.json")
    config.write_text(json.dumps({"post_hooks": []}))  # they would format what nobody reads
    options = ("--path", document, "--output-path", document.with_name(PACKAGE), "--meta", "none", "--config", config, "--fail-on-warning")
    command = [sys.executable, "-m", "openapi_python_client", "generate", *map(str, options)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def part(name: str) -> Any:
    return import_module(f"{PACKAGE}.{name}")


class Generated:
    """What a customer's program does with the generated package."""

    def __init__(self, base_url: str) -> None:
        self._server = {"base_url": base_url, "httpx_args": {"trust_env": False}, "raise_on_unexpected_status": True}
        self.models = part("models")
        self._client: Any = None

    async def sign_in(self, email: str, password: str) -> Any:
        form = self.models.CredentialsIn(username=email, password=password)
        async with part("client").Client(**self._server) as client:
            return await part("api.auth.sign_in").asyncio(client=client, body=form)

    @asynccontextmanager
    async def signed_in(self, token: str) -> AsyncIterator[None]:
        async with part("client").AuthenticatedClient(**self._server, token=token) as self._client:
            yield

    async def place(self, sku: str, quantity: int) -> Any:
        order = self.models.OrderIn(lines=[self.models.LineIn(sku=sku, quantity=quantity)])
        return await part("api.reservations.place_reservation").asyncio(client=self._client, body=order, idempotency_key="k1")

    async def change(self, transition: str, reservation_id: UUID, *, key: str, **body: Any) -> Any:
        function = part(f"api.reservations.{transition}_reservation").asyncio
        return await function(reservation_id, client=self._client, idempotency_key=key, **body)


async def test_a_generated_client_signs_in_and_places_confirms_and_cancels(
    api_processes: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await api_processes.staff(), await api_processes.customer()
    await staff.stock("TEE", "AMS", 5)
    assert customer.person
    document = tmp_path / "openapi.json"
    document.write_bytes((await customer.http.get("/openapi.json")).content)

    said = await asyncio.to_thread(generate, document)

    assert "warning" not in said.lower()
    assert not list((tmp_path / PACKAGE / "models").glob("*_type_[0-9]*"))  # a name for want of one
    monkeypatch.syspath_prepend(tmp_path)
    program = Generated(str(customer.http.base_url))
    models = program.models
    token = await program.sign_in(customer.person.email, customer.person.password)
    assert isinstance(token, models.TokenOut)
    async with program.signed_in(token.access_token):
        placed = await program.place("TEE", 2)
        confirmed = await program.change("confirm", placed.id, key="k2")
        cancelled = await program.change("cancel", placed.id, key="k3", body=models.CancellationIn(reason="changed my mind"))
        refused = await program.change("confirm", placed.id, key="k4")

    for answer, state in ((placed, "held"), (confirmed, "confirmed"), (cancelled, "cancelled")):
        assert isinstance(answer, models.ReservationOut)
        assert answer.state == models.State(state)
    assert placed.lines == [models.LineOut(sku="TEE", warehouse="AMS", quantity=2, fulfilled=0, released=0)]
    assert placed.expires_at - placed.created_at == timedelta(seconds=600)
    assert isinstance(refused, models.Problem)
    assert (refused.status, refused.code) == (409, "illegal_transition")
