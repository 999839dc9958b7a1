"""Without these, a password or a link goes over the wire, or into the database, for others to read."""

from base64 import b64encode
from urllib.parse import quote

import pytest

from services.runtime.smtp import Patience
from services.worker.mailer import MailServerUnavailable
from tests.support.mailers import mail, mailer_of, refusal_by, send
from tests.support.scripted_smtp import CERTIFICATE, CONTENT, scripted_smtp

_SHORT = Patience(answer_seconds=0.5)
_PASSWORD = "p@ss/word"
_SIGN_IN = f"me:{quote(_PASSWORD, safe='')}"
_QUOTED = b64encode(f"\0me\0{_PASSWORD}".encode()).decode()


@pytest.mark.parametrize(("scheme", "is_tls"), [("smtp+starttls", False), ("smtps", True)])
async def test_the_password_and_the_mail_go_through_tls(monkeypatch: pytest.MonkeyPatch, scheme: str, *, is_tls: bool) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with scripted_smtp(features=["STARTTLS", "AUTH PLAIN LOGIN"], is_tls=is_tls) as server:
        async with mailer_of(server, f"{scheme}://{_SIGN_IN}@localhost") as mailer:
            await send(mailer, mail(1), mail(2))

        assert (len(server.mails), server.connections, server.heard["AUTH"]) == (2, 1, 1)
        assert server.heard["STARTTLS"] == (not is_tls)


@pytest.mark.parametrize(("scheme", "is_tls"), [("smtp+starttls", False), ("smtps", True)])
@pytest.mark.parametrize("trust", ["nobody", "another name"])
async def test_a_server_that_is_not_the_one_it_should_be_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, *, trust: str, scheme: str, is_tls: bool
) -> None:
    if trust == "another name":
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    url = f"{scheme}://{_SIGN_IN}@{'127.0.0.1' if trust == 'another name' else 'localhost'}"
    async with scripted_smtp(features=["STARTTLS", "AUTH PLAIN"], is_tls=is_tls) as server, mailer_of(server, url) as mailer:
        refusal = await refusal_by(mailer)

    assert "CERTIFICATE_VERIFY_FAILED" in str(refusal)
    assert isinstance(refusal, MailServerUnavailable)
    assert not server.heard["AUTH"] + server.heard["MAIL"]


@pytest.mark.parametrize(("features", "answer"), [([], None), (["STARTTLS"], "454 not now"), (["STARTTLS"], "220 but no handshake")])
async def test_nothing_is_said_in_the_clear_where_tls_was_asked_for(features: list[str], answer: str | None) -> None:
    async with scripted_smtp(features=[*features, "AUTH PLAIN"]) as server:
        if answer:
            server.always["STARTTLS"] = answer
        async with mailer_of(server, f"smtp+starttls://{_SIGN_IN}@127.0.0.1", patience=_SHORT) as mailer:
            assert isinstance(await refusal_by(mailer), MailServerUnavailable)

    assert not server.heard["AUTH"] + server.heard["MAIL"]


@pytest.mark.parametrize("password", [_PASSWORD, "pässword"])
async def test_a_password_that_does_not_let_us_in_is_the_settings_fault_and_is_shown_nobody(password: str) -> None:
    async with scripted_smtp(features=["AUTH PLAIN"]) as server:
        server.always["AUTH"] = f"535 not {_PASSWORD}, {_QUOTED}"
        async with mailer_of(server, f"smtp://me:{quote(password, safe='')}@127.0.0.1") as mailer:
            refusal = await refusal_by(mailer)

    assert isinstance(refusal, MailServerUnavailable)
    assert not any(secret in str(refusal) for secret in (_PASSWORD, "ä", _QUOTED))
    assert refusal.__suppress_context__


async def test_an_answer_that_quotes_a_link_does_not_become_the_reason() -> None:
    async with scripted_smtp() as server, mailer_of(server) as mailer:
        server.always[CONTENT] = "550 see https://shop.example/account/verify-email#token=secret."
        reason = str(await refusal_by(mailer))

    assert "550" in reason
    assert "secret" not in reason
