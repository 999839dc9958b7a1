"""A customer's walk through the running stack: `make demo`. It can be taken any number of times."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx

from deploy.local import console, environment, inspection
from deploy.local.credentials import load
from deploy.local.environment import Stack
from deploy.local.exchange import ANSWER_SECONDS_MAX, Request, Talk, say_json, say_reason, say_title
from deploy.local.places import PLACES
from deploy.local.trouble import Trouble

WAREHOUSE = "AMS"
TEE, MUG, LAMP = "TEE-M", "MUG", "LAMP"
LOW = 10  # the walk takes 2 tees and 1 mug; below this, staff receives more first
RECEIVED = 100
MAIL_SECONDS_MAX = 30
MAIL_LINES_SHOWN = 14
POLL_SECONDS = 0.1


def run() -> None:
    stack = environment.load(PLACES)
    # A proxy of this machine has no business with 127.0.0.1.
    with httpx.Client(base_url=stack.api_url, timeout=ANSWER_SECONDS_MAX, trust_env=False) as client:
        Walk(stack, client).take()


class Walk:
    """The steps, in order; what one learns, the next uses."""

    def __init__(self, stack: Stack, client: httpx.Client) -> None:
        self._stack = stack
        self._client = client
        self._customer = Talk(client)
        self._before: dict[str, int] = {}
        self._reservation: dict[str, Any] = {}
        self._order = Request(
            "POST",
            "/v1/reservations",
            body={"lines": [{"sku": TEE, "quantity": 2, "warehouse": WAREHOUSE}, {"sku": MUG, "quantity": 1, "warehouse": WAREHOUSE}]},
            key=str(uuid.uuid4()),
        )

    def take(self) -> None:
        self._fill_the_shelf()
        steps: dict[str, Callable[[], None]] = {
            "Log in": self._log_in,
            "Browse": self._browse,
            "Hold two lines": self._hold,
            "See availability drop": self._see_the_drop,
            "Confirm": self._confirm,
            "Watch the e-mail arrive": self._watch_the_mail,
            "Try to oversell": self._oversell,
            "Retry with the same Idempotency-Key": self._retry,
        }
        for number, (title, step) in enumerate(steps.items(), start=1):
            say_title(number, title)
            step()
        console.say(f"\nThat was the walk. The same by hand: {self._stack.api_url}/docs, and `make token` for a token.")

    def _fill_the_shelf(self) -> None:
        available = self._available()
        short = [sku for sku in (TEE, MUG) if available.get(sku, 0) < LOW]
        if short:
            items = [{"sku": sku, "warehouse": WAREHOUSE, "delta": RECEIVED} for sku in short]
            staff = Talk(self._client, inspection.access_token(self._stack, "staff"))
            adjustment = Request("POST", "/v1/stock-adjustments", body={"reason": "receipt", "items": items}, key=str(uuid.uuid4()))
            staff.ask(adjustment, expect=201)
            console.say(f"Earlier walks left the shelf nearly empty, so staff received {RECEIVED} of {' and '.join(short)}.")

    def _available(self) -> dict[str, int]:
        content = self._customer.ask(self._availability(TEE, MUG, LAMP), expect=200).json()
        return {item["sku"]: item["available"] for item in content["items"]}

    @staticmethod
    def _availability(*skus: str) -> Request:
        return Request("GET", f"/v1/availability?{'&'.join(f'sku={sku}' for sku in skus)}&warehouse={WAREHOUSE}")

    def _log_in(self) -> None:
        login = load(PLACES.credentials).customer
        form = {"username": login.email, "password": login.password}
        issued = self._customer.show(Request("POST", "/v1/auth/token", form=form), expect=200, parts=("token_type", "expires_in"))
        self._customer = Talk(self._client, issued["access_token"])
        say_reason("The password was invented when this stack first started; the token is a signed JWT that ends by itself.")

    def _browse(self) -> None:
        products = self._customer.show(Request("GET", "/v1/products?limit=5"), expect=200)
        for product in products["items"]:
            say_json({"sku": product["sku"], "name": product["name"]})
        self._customer.show(self._availability(TEE, MUG, LAMP), expect=200, parts=("items",))
        say_reason("Anybody may browse. Available is what nobody holds and nobody was promised.")

    def _hold(self) -> None:
        self._before = self._available()
        self._reservation = self._customer.show(self._order, expect=201, parts=("id", "state", "lines", "expires_at"))
        say_reason("Both lines or neither, decided inside one statement. The hold ends by the database's clock, whether or not a job runs.")

    def _see_the_drop(self) -> None:
        self._customer.show(self._availability(TEE, MUG), expect=200, parts=("items",))
        now = self._available()
        drops = " and ".join(f"{sku} from {self._before[sku]} to {now[sku]}" for sku in (TEE, MUG))
        say_reason(f"{drops}: what is on hold cannot be promised to anybody else, though nothing has left the shelf.")

    def _confirm(self) -> None:
        path = f"/v1/reservations/{self._reservation['id']}/confirm"
        self._customer.show(Request("POST", path, key=str(uuid.uuid4())), expect=200, parts=("id", "state", "confirmed_at"))
        say_reason("The new state and the event that causes the e-mail are one transaction: neither exists without the other.")

    def _watch_the_mail(self) -> None:
        if "mail" not in self._stack.own:
            say_reason("HOLDFAST_SMTP_URL is set, so the mail goes to that server and cannot be shown here.")
            return
        began = time.monotonic()
        mail = self._wait_for_mail()
        console.say(f"  {console.good('arrived')} {time.monotonic() - began:.1f} s later")
        for line in [f"Subject: {mail['subject']}", f"Message-ID: {mail['message_id']}", "", *mail["text"].splitlines()][:MAIL_LINES_SHOWN]:
            console.say(console.dim(f"  | {inspection.printable(line)}"))
        say_reason(f"Outbox, relay, Celery, SMTP. Killed anywhere on this way, it still arrives. The mailbox: {self._stack.mailbox_url}")

    def _wait_for_mail(self) -> dict[str, Any]:
        """The mail that names our reservation."""
        deadline = time.monotonic() + MAIL_SECONDS_MAX
        with httpx.Client(base_url=self._stack.mailbox_url, timeout=ANSWER_SECONDS_MAX, trust_env=False) as mailbox:
            talk = Talk(mailbox)
            while time.monotonic() < deadline:
                found = talk.ask(Request("GET", f"/mails.json?containing={self._reservation['id']}"), expect=200).json()["mails"]
                if found:
                    mail: dict[str, Any] = talk.ask(Request("GET", f"/mails/{found[0]['mail_id']}.json"), expect=200).json()
                    return mail
                time.sleep(POLL_SECONDS)
        raise Trouble(f"no mail about reservation {self._reservation['id']} within {MAIL_SECONDS_MAX} s; make logs NAME=worker may say why")

    def _oversell(self) -> None:
        before = self._available()
        lines = [{"sku": TEE, "quantity": 1, "warehouse": WAREHOUSE}, {"sku": LAMP, "quantity": before[LAMP] + 1, "warehouse": WAREHOUSE}]
        order = Request("POST", "/v1/reservations", body={"lines": lines}, key=str(uuid.uuid4()))
        self._customer.show(order, expect=409, parts=("title", "code", "detail", "retryable", "errors"))
        if self._available() != before:
            raise Trouble("the refused order changed what is available; that must not happen")
        say_reason(f"One lamp more than there is. The tee of the same order was not held either: still {before[TEE]} available.")

    def _retry(self) -> None:
        before = self._available()
        replayed = self._customer.show(self._order, expect=201, parts=("id", "state"))
        if replayed["id"] != self._reservation["id"] or self._available() != before:
            raise Trouble("the retry placed a second reservation; that must not happen")
        say_reason("The first order once more, as after a lost answer: the stored answer comes back and nothing is held twice.")
