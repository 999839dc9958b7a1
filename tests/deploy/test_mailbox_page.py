"""Without these, a mail can run scripts in the browser of whoever reads it, or a page of another site can read the mails."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.local import maildir
from deploy.local.mailbox_page import create_page

HOSTILE = b"""Subject: <script>alert(1)</script>\r
To: you@example.com\r
Content-Type: text/html\r
\r
<script>alert(2)</script><img src="https://tracker.example/pixel"><form action="https://thief.example">\r
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mail"
    maildir.prepare(folder)
    maildir.deliver(folder, HOSTILE, sender="thief@example.com", recipients=["you@example.com"])
    return folder


@pytest_asyncio.fixture
async def page(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_page(folder))
    async with httpx.AsyncClient(base_url="http://127.0.0.1:8025", transport=transport) as client:
        yield client


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    """The content security policy by directive."""
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


async def test_the_page_shows_a_hostile_subject_as_text(page: httpx.AsyncClient) -> None:
    answer = await page.get("/")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script" not in answer.text


async def test_the_page_allows_its_own_style_and_nothing_else(page: httpx.AsyncClient) -> None:
    answer = await page.get("/")

    [style] = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = policy(answer)
    assert allowed.pop("style-src") == [f"'sha256-{digest}'"]
    assert allowed.pop("frame-src") == ["'self'"]
    assert allowed == {name: ["'none'"] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")}


async def test_the_html_of_a_mail_has_no_scripts_no_origin_and_no_network(page: httpx.AsyncClient, folder: Path) -> None:
    [mail] = maildir.newest(folder)

    answer = await page.get(f"/mails/{mail.mail_id}/html")

    allowed = policy(answer)
    assert allowed["default-src"] == allowed["form-action"] == ["'none'"]
    assert allowed["img-src"] == ["data:"]
    assert set(allowed["sandbox"]) == {"allow-popups", "allow-popups-to-escape-sandbox"}
    assert "script-src" not in allowed


async def test_the_frame_around_the_mail_is_as_strict_as_the_mail(page: httpx.AsyncClient, folder: Path) -> None:
    [mail] = maildir.newest(folder)

    answer = await page.get(f"/mails/{mail.mail_id}")

    [sandbox] = re.findall('<iframe[^>]* sandbox="([^"]*)"', answer.text)
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox


@pytest.mark.parametrize("path", ["/", "/mails.json", "/mails/none", "/mails/none.json", "/mails/none/html"])
async def test_every_answer_is_kept_from_caches_and_other_sites(page: httpx.AsyncClient, path: str) -> None:
    headers = (await page.get(path)).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/", "/mails.json"])
async def test_a_foreign_name_for_this_machine_is_refused(page: httpx.AsyncClient, path: str) -> None:
    answer = await page.get(path, headers={"Host": "rebound.example"})

    assert answer.status_code == 400
    assert "alert" not in answer.text


async def test_the_page_changes_nothing(page: httpx.AsyncClient) -> None:
    assert {(await page.request(method, "/")).status_code for method in ("POST", "PUT", "DELETE")} == {405}


async def test_scripts_find_a_mail_by_recipient_and_text(page: httpx.AsyncClient, folder: Path) -> None:
    maildir.deliver(folder, b"To: me@example.com\r\nSubject: hi\r\n\r\nreservation 41\r\n", sender="us", recipients=["me@example.com"])

    for query in ({"to": "me@"}, {"containing": "reservation 41"}):
        assert [mail["subject"] for mail in (await page.get("/mails.json", params=query)).json()["mails"]] == ["hi"]
    assert (await page.get("/mails.json", params={"to": "me@", "containing": "42"})).json() == {"mails": []}


async def test_a_mail_that_is_not_there_is_404(page: httpx.AsyncClient) -> None:
    assert {(await page.get(f"/mails/none{kind}")).status_code for kind in ("", ".json", "/html")} == {404}
