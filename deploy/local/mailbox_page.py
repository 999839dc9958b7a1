"""The read-only page of the mail catcher, and the same as JSON for scripts.

A mail may come from anybody, so its HTML is shown in a frame without scripts, without an origin and without the network.
"""

import base64
import hashlib
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local import maildir

HERE = Path(__file__).parent
STYLE = (HERE / "mailbox.css").read_text(encoding="utf-8")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# A page of another site whose name was pointed at 127.0.0.1 must not read these mails.
HOSTS = ["127.0.0.1", "localhost"]
# Links of a mail open in a new tab; that needs popups, which without scripts only a click can open.
FRAME = "allow-popups allow-popups-to-escape-sandbox"

PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'; sandbox {FRAME}"


def create_page(folder: Path) -> Starlette:
    """The page for one Maildir."""
    template = Environment(loader=FileSystemLoader(HERE), autoescape=True).get_template("mailbox.html")

    async def show_list(_request: Request) -> Response:
        mails = await run_in_threadpool(maildir.newest, folder)
        return _page(template.render(style=STYLE, mails=mails, limit=maildir.LISTED_MAX))

    async def show_mail(request: Request) -> Response:
        mail = await run_in_threadpool(maildir.find, folder, request.path_params["mail_id"])
        return _page(template.render(style=STYLE, mail=mail, frame=FRAME)) if mail else _not_found()

    async def show_html(request: Request) -> Response:
        mail = await run_in_threadpool(maildir.find, folder, request.path_params["mail_id"])
        return HTMLResponse(f'<!doctype html><base target="_blank">{mail.html}', headers=_headers(MAIL_POLICY)) if mail else _not_found()

    async def list_as_json(request: Request) -> Response:
        """Newest first, without bodies; `?to=` and `?containing=` keep the mails with that in their recipients or their text."""
        to, containing = (request.query_params.get(name, "") for name in ("to", "containing"))
        mails = await run_in_threadpool(maildir.newest, folder)
        kept = [_facts(mail) for mail in mails if to in mail.to and containing in mail.text]
        return JSONResponse({"mails": kept}, headers=_headers(PAGE_POLICY))

    async def mail_as_json(request: Request) -> Response:
        mail = await run_in_threadpool(maildir.find, folder, request.path_params["mail_id"])
        if mail is None:
            return _not_found()
        return JSONResponse(_facts(mail) | {"headers": mail.headers, "text": mail.text, "html": mail.html}, headers=_headers(PAGE_POLICY))

    routes = [
        Route("/", show_list),
        Route("/mails.json", list_as_json),
        Route("/mails/{mail_id}.json", mail_as_json),
        Route("/mails/{mail_id}/html", show_html),
        Route("/mails/{mail_id}", show_mail),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])


def _facts(mail: maildir.Mail) -> dict[str, object]:
    kept = ("mail_id", "sender", "to", "subject", "message_id")
    facts = asdict(mail)
    return {name: facts[name] for name in kept} | {"received_at": mail.received_at.isoformat()}


def _page(html: str) -> Response:
    return HTMLResponse(html, headers=_headers(PAGE_POLICY))


def _not_found() -> Response:
    return PlainTextResponse("There is no such mail among the newest.\n", status_code=404, headers=_headers(PAGE_POLICY))


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
