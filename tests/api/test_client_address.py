"""Without these, whoever writes a header decides what is in the audit trail, and whose rate limit is used up."""

from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from services.api.client_address import TrustedProxies, bucket
from tests.support.database import Database
from tests.support.people import People
from tests.support.problems import assert_problem
from tests.support.settings import Where
from tests.support.unplugged import NOWHERE, serving

PROXIES = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


def asked(peer: str | None, *lines: str, proxies: TrustedProxies = PROXIES, **headers: str) -> dict[str, Any]:
    """The scope of a request from this peer, with these lines of X-Forwarded-For, after the proxies were looked at."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    forwarded = [(b"x-forwarded-for", line.encode()) for line in lines]
    scope = {"client": (peer, 1) if peer else None, "scheme": "http", "headers": forwarded + named}
    proxies.mark(scope)
    return scope


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9 ,10.0.0.2,\t10.0.0.3"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9:"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:http"], "10.0.0.1"),
        ("10.0.0.1", ["2001:DB8::0001"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]4711"], "10.0.0.1"),
        ("10.0.0.1", ["[203.0.113.9]"], "10.0.0.1"),
        ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, fd00::7"], "203.0.113.9"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("10.0.0.1", ["203.0.113.9" + " " * 100], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6" + ", 10.0.0.2" * 16], "10.0.0.2"),
        ("10.0.0.1", ["x" * 30_000], "10.0.0.1"),
        ("10.0.0.1", ["caf\xe9"], "10.0.0.1"),
        (None, ["203.0.113.9"], None),
        ("a-unix-socket", ["203.0.113.9"], None),
    ],
)
def test_the_caller_is_the_first_from_the_right_whom_nobody_vouches_for(peer: str | None, lines: list[str], address: str | None) -> None:
    assert asked(peer, *lines)["client_address"] == address


def test_where_no_proxy_is_named_nobody_is_believed_loopback_included() -> None:
    for peer in ("127.0.0.1", "::1", "10.0.0.1"):
        scope = asked(peer, "203.0.113.9", proxies=TrustedProxies([]), x_forwarded_proto="https")
        assert (scope["client_address"], scope["scheme"]) == (peer, "http")


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [("10.0.0.1", "https", "https"), ("10.0.0.1", "HTTPS", "https"), ("10.0.0.1", "gopher", "http"), ("192.0.2.1", "https", "http")],
)
def test_a_proxy_is_believed_that_it_was_asked_over_tls(peer: str, proto: str, scheme: str) -> None:
    assert asked(peer, x_forwarded_proto=proto)["scheme"] == scheme


def test_addresses_that_one_customer_gets_are_one_caller() -> None:
    assert bucket("2001:db8:1:2::1") == bucket("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert bucket("2001:db8:1:3::1") != bucket("2001:db8:1:2::1")
    assert bucket("192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(("trusted", "ip"), [("", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")])
async def test_the_audit_trail_names_who_really_asked(people: People, database: Database, trusted: str, ip: str) -> None:
    person = await people.join()
    form = {"username": person.email, "password": "wrong wrong wrong"}

    async with serving(Where(database_url=database.url), trusted_proxies=trusted) as (client, _):
        answer = await client.http.post("/v1/auth/token", data=form, headers={"X-Forwarded-For": "203.0.113.9"})

    assert_problem(answer, 401, "unauthenticated")
    assert await database.rows("SELECT DISTINCT ip::text FROM audit_events WHERE outcome <> 'succeeded' AND ip IS NOT NULL") == [(ip,)]


@pytest.mark.parametrize(("trusted", "is_sent"), [("127.0.0.1", True), ("", False)])
async def test_browsers_are_told_to_stay_with_tls_where_there_is_some(trusted: str, is_sent: bool) -> None:  # noqa: FBT001
    async with serving(NOWHERE, trusted_proxies=trusted) as (client, _):
        secure: httpx.Response = await client.http.get("/livez", headers={"X-Forwarded-Proto": "https"})
        plain = await client.http.get("/livez")

    assert ("Strict-Transport-Security" in secure.headers) is is_sent
    assert "Strict-Transport-Security" not in plain.headers
