"""Without these, the documentation needs the internet, or runs what others inject."""

import re

import pytest

from tests.support.api import Client


async def test_the_page_loads_nothing_from_elsewhere(unplugged_nobody: Client) -> None:
    page = await unplugged_nobody.http.get("/docs")

    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in page.text
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert path == "data:," or (await unplugged_nobody.http.get(path)).status_code == 200
    assert "://" not in re.sub(r"<!doctype html>", "", page.text)


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"])
async def test_its_files_may_be_kept_for_a_day(unplugged_nobody: Client, name: str) -> None:
    answer = await unplugged_nobody.http.get(f"/docs/assets/{name}")

    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["docs.html", "LICENSE", "..%2Fpages.py", "%2Fetc%2Fpasswd", "nope.js"])
async def test_no_other_file_is_served(unplugged_nobody: Client, name: str) -> None:
    assert (await unplugged_nobody.http.get(f"/docs/assets/{name}")).status_code in {404, 422}
