"""One request to the running stack, shown to a person: what was sent, the part of the answer that matters, and why it does."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local import console
from deploy.local.trouble import Trouble

ANSWER_SECONDS_MAX = 15
WIDTH = 100
SUCCESS_MAX = 299


@dataclass(frozen=True, slots=True)
class Request:
    """What to send; `form` and `body` exclude each other."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    form: Mapping[str, str] | None = None
    key: str | None = None
    etag: str | None = None  # what the change is made to

    def headers(self, token: str | None) -> dict[str, str]:
        said = {"Authorization": token and f"Bearer {token}", "Idempotency-Key": self.key, "If-Match": self.etag}
        return {name: value for name, value in said.items() if value}


class Talk:
    """A conversation with the API as one account."""

    def __init__(self, client: httpx.Client, token: str | None = None) -> None:
        self._client = client
        self._token = token

    def ask(self, request: Request, *, expect: int) -> httpx.Response:
        """Send without showing. Raises Trouble when the API does not answer, or answers otherwise than a demo can go on with."""
        try:
            answer = self._client.request(
                request.method, request.path, json=request.body, data=request.form, headers=request.headers(self._token)
            )
        except httpx.TransportError as error:
            raise Trouble(f"nothing answers at {self._client.base_url}: {error}; make up or make start starts the stack") from None
        if answer.status_code != expect:
            raise Trouble(f"{request.method} {request.path} should answer {expect} and answers {answer.status_code}: {answer.text}")
        return answer

    def show(self, request: Request, *, expect: int, parts: tuple[str, ...] = ()) -> Any:
        """Send, show the exchange with these members of the answer, and return the answer's JSON."""
        answer = self.ask(request, expect=expect)
        _show_request(request)
        content = answer.json()
        shown = {part: content[part] for part in parts if part in content}
        status = f"{answer.status_code} {answer.reason_phrase}"
        console.say(f"  {console.good(status) if answer.status_code <= SUCCESS_MAX else console.bad(status)}")
        if "Idempotent-Replayed" in answer.headers:
            console.say(f"  Idempotent-Replayed: {answer.headers['Idempotent-Replayed']}")
        if shown:
            say_json(shown)
        return content


def _show_request(request: Request) -> None:
    console.say(f"  {console.bold(f'{request.method} {request.path}')}")
    if request.key:
        console.say(console.dim(f"  Idempotency-Key: {request.key}"))
    if request.form:
        console.say(console.dim("  " + "&".join(f"{name}={'…' if name == 'password' else value}" for name, value in request.form.items())))
    if request.body:
        console.say(console.dim(f"  {json.dumps(request.body)}"))


def say_json(content: object) -> None:
    """Members on a line each; what fits on one line stays there."""
    if isinstance(content, dict) and len(json.dumps(content, ensure_ascii=False)) > WIDTH:
        for name, value in content.items():
            items = value if isinstance(value, list) else [value]
            for item in items:
                console.say(f"    {name}: {json.dumps(item, ensure_ascii=False)}")
    else:
        console.say(f"    {json.dumps(content, ensure_ascii=False)}")


def say_title(number: int, title: str) -> None:
    console.say(f"\n{console.styled(f'{number}. {title}', '1;36')}")


def say_reason(sentence: str) -> None:
    console.say(console.styled(textwrap.fill(sentence, WIDTH, initial_indent="  → ", subsequent_indent="    "), "33"))
