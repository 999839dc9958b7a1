"""Without these, the link in a mail leads nowhere, or to a page that gives its token away."""

import re

import pytest

from tests.support.api import Client

PAGES = ["verify-email", "reset-password", "forgot-password"]


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_loads_its_own_files_and_nothing_else(unplugged_nobody: Client, page: str) -> None:
    answer = await unplugged_nobody.http.get(f"/account/{page}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|://", answer.text)
    loaded = [path for path in re.findall(r'(?:src|href)="([^"]+)"', answer.text) if path != "data:,"]
    assert sorted(loaded) == ["assets/account.css", "assets/account.js"]
    for path in loaded:
        assert (await unplugged_nobody.http.get(f"/account/{path}")).status_code == 200


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_runs_only_our_script_talks_only_to_us_and_is_kept_by_nobody(unplugged_nobody: Client, page: str) -> None:
    headers = (await unplugged_nobody.http.get(f"/account/{page}")).headers

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("private, no-store", "no-referrer")
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_posts_where_the_api_listens(unplugged_nobody: Client, page: str) -> None:
    text = (await unplugged_nobody.http.get(f"/account/{page}")).text
    [path] = re.findall(r'data-path="([^"]+)"', text)
    sent = re.findall(r'name="(\w+)"', text.partition("<form")[2]) + ["token"] * ("data-takes-token" in text)

    url = unplugged_nobody.http.base_url.join(f"/account/{page}").join(path)
    answer = await unplugged_nobody.http.post(url, json={})

    assert url.path == f"/v1/auth/{page}"
    assert sorted(fault["pointer"] for fault in answer.json()["errors"]) == sorted(f"/{name}" for name in sent)


async def test_no_other_file_is_served(unplugged_nobody: Client) -> None:
    for path in (
        "verify-email.html",
        "pages.py",
        "assets/pages.py",
        "assets/verify-email.html",
        "assets/..%2Fpages.py",
        "assets/%2Fetc%2Fpasswd",
    ):
        assert (await unplugged_nobody.http.get(f"/account/{path}")).status_code in {404, 422}, path
