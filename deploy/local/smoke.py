"""Does an installation work from the outside? `python -m deploy.local.smoke --url http://127.0.0.1:8080`, or `make smoke URL=...`.

A customer places an order over HTTP and gets the mail about it, within seconds; the first thing that goes otherwise ends it with a sentence
and exit status 1. The customer is one of a file like `.run/credentials.json`; without one, somebody who registers, for which the mail must
end in a Mailpit. What was ordered is cancelled in the end, so that the stock is as before.
"""

import argparse
import re
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local import console, credentials
from deploy.local.credentials import Login
from deploy.local.exchange import ANSWER_SECONDS_MAX, Request, Talk
from deploy.local.mailpit import Mailpit
from deploy.local.trouble import Trouble

MAIL_SECONDS_MAX = 60  # it takes two; on a machine that has only just started everything, twenty
POLL_SECONDS = 0.2
PRODUCTS = 20  # in which something must be left
BODY_BYTES = 70_000  # more than the API takes
TOKEN = re.compile(r"#token=([\w.~-]+)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.local.smoke", description="Check a running Holdfast from the outside.")
    parser.add_argument("--url", required=True, help="where it answers, for example http://127.0.0.1:8080")
    parser.add_argument("--credentials", type=Path, help="accounts as JSON, of which the customer orders; without it, somebody registers")
    parser.add_argument("--mailpit", default="http://127.0.0.1:8025", help="where Mailpit shows the mails, if there is one")
    options = parser.parse_args()
    login = credentials.load(options.credentials).customer if options.credentials else None
    # A proxy of this machine has no business with the installation.
    with httpx.Client(base_url=options.url, timeout=ANSWER_SECONDS_MAX, trust_env=False) as client:
        try:
            Smoke(client, Mailpit(options.mailpit), login).run()
        except Trouble as trouble:
            print(f"Smoke test failed: {trouble}", file=sys.stderr)
            sys.exit(1)
    console.say(console.good(f"{options.url} works."))


class Smoke:
    """The steps, in order; what one learns, the next uses."""

    def __init__(self, client: httpx.Client, mailpit: Mailpit, login: Login | None) -> None:
        self._client = client
        self._mailpit = mailpit
        self._login = login
        self._talk = Talk(client)
        self._order_id = ""

    def run(self) -> None:
        with console.step("ready", "database and cache answer"):
            self._be_ready()
        with console.step("strangers", "are told little, and refused"):
            self._refuse_strangers()
        with console.step("account", self._login.email if self._login else "registered, by the link in a mail"):
            self._sign_in(self._login or self._register())
        with console.step("order", "held once though sent twice, confirmed"):
            self._order()
        try:
            with console.step("mail", f"by relay and worker, {'seen in Mailpit' if self._mailpit.is_there else 'as the API says'}"):
                self._get_mail()
        finally:
            self._talk.ask(self._of_order("POST", "/cancel"), expect=200)

    def _be_ready(self) -> None:
        answer = self._talk.ask(Request("GET", "/readyz"), expect=200)
        if answer.json()["status"] != "ready":
            raise Trouble(f"it serves, but is not whole: {answer.text}")

    def _refuse_strangers(self) -> None:
        answer = self._talk.ask(Request("GET", "/v1/reservations"), expect=401)
        expected = {"content-type": "application/problem+json", "x-content-type-options": "nosniff", "cache-control": "private, no-store"}
        wrong = [name for name, value in expected.items() if answer.headers.get(name) != value]
        if wrong or "x-request-id" not in answer.headers:
            raise Trouble(f"a refusal has other headers than ours: {dict(answer.headers)}")
        if re.search(r"\d|uvicorn", answer.headers.get("server", "")):
            raise Trouble(f"the Server header tells what runs: {answer.headers['server']}")
        self._talk.ask(Request("GET", "/metrics"), expect=404)  # they are for nobody out here
        self._talk.ask(Request("POST", "/v1/auth/register", body={"email": "x" * BODY_BYTES}), expect=413)

    def _register(self) -> Login:
        if not self._mailpit.is_there:
            raise Trouble(f"nobody can register, because Mailpit is not at {self._mailpit.url}; name a file of accounts: CREDENTIALS=")
        login = Login(f"smoke-{uuid4().hex}@holdfast.example", secrets.token_urlsafe())
        self._talk.ask(
            Request("POST", "/v1/auth/register", body={"email": login.email, "password": login.password, "full_name": "Smoke test"}),
            expect=202,
        )
        token = _wait_for(lambda: TOKEN.search(self._mailpit.text_of(login.email) or ""), "mail with a link")
        self._talk.ask(Request("POST", "/v1/auth/verify-email", body={"token": token[1]}), expect=204)
        return login

    def _sign_in(self, login: Login) -> None:
        form = {"username": login.email, "password": login.password}
        self._talk = Talk(self._client, self._talk.ask(Request("POST", "/v1/auth/token", form=form), expect=200).json()["access_token"])

    def _order(self) -> None:
        line = {"sku": self._find_something(), "quantity": 1}
        order = Request("POST", "/v1/reservations", body={"lines": [line]}, key=str(uuid4()))
        placed, again = (self._talk.ask(order, expect=201) for _ in range(2))
        self._order_id = placed.json()["id"]
        if again.json()["id"] != self._order_id:
            raise Trouble("the same Idempotency-Key placed two orders")
        self._talk.ask(self._of_order("POST", "/confirm"), expect=200)

    def _find_something(self) -> str:
        products = self._talk.ask(Request("GET", f"/v1/products?limit={PRODUCTS}"), expect=200).json()["items"]
        if products:
            asked = "&".join(f"sku={product['sku']}" for product in products)
            for item in self._talk.ask(Request("GET", f"/v1/availability?{asked}"), expect=200).json()["items"]:
                if item["available"]:
                    return str(item["sku"])
        raise Trouble(f"of the first {len(products)} products nothing is available; there must be something to order")

    def _get_mail(self) -> None:
        _wait_for(self._is_sent, "mail about the order; the relay or the worker does not work")
        if self._mailpit.is_there:
            _wait_for(lambda: self._mailpit.text_of(self._order_id), "mail about the order in Mailpit")

    def _is_sent(self) -> bool:
        told = self._talk.ask(Request("GET", f"/v1/notifications?reservation_id={self._order_id}"), expect=200).json()["items"]
        return any(one["kind"] == "reservation.confirmed" and one["state"] == "sent" for one in told)

    def _of_order(self, method: str, action: str) -> Request:
        return Request(method, f"/v1/reservations/{self._order_id}{action}", key=str(uuid4()))


def _wait_for(look: Callable[[], Any], what: str) -> Any:
    """The first thing that this look finds."""
    deadline = time.monotonic() + MAIL_SECONDS_MAX
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(POLL_SECONDS)
    raise Trouble(f"there was no {what}, within {MAIL_SECONDS_MAX} s")


if __name__ == "__main__":
    main()
