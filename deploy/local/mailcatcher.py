"""An SMTP server that keeps every mail and sends none, and a read-only page that shows them.

    python -m deploy.local.mailcatcher --maildir DIR --smtp-port N --ui-port M

Both listen on 127.0.0.1 only: whoever reads these mails can reset any password of the local stack.
"""

import argparse
import asyncio
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local import maildir
from deploy.local.mailbox_page import create_page

ADDRESS = "127.0.0.1"


class Catcher:
    """What aiosmtpd asks when a mail arrived."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        """Accept a mail only once it is on disk."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        maildir.deliver(self._folder, content, sender=envelope.mail_from or "", recipients=envelope.rcpt_tos)
        print(f"caught a mail for {len(envelope.rcpt_tos)} recipients, {len(content)} bytes", flush=True)
        return "250 OK"


async def serve(folder: Path, smtp_port: int, page_port: int) -> None:
    """Catch mails and show them until SIGTERM or SIGINT."""
    maildir.prepare(folder)
    loop = asyncio.get_running_loop()
    catcher = Catcher(folder)

    def session() -> SMTP:
        # Without a hostname aiosmtpd asks the resolver for one, for each connection.
        return SMTP(catcher, hostname="localhost", data_size_limit=maildir.MAIL_BYTES_MAX, enable_SMTPUTF8=True, loop=loop)

    async with await loop.create_server(session, ADDRESS, smtp_port):
        page = uvicorn.Config(create_page(folder), host=ADDRESS, port=page_port, log_level="warning", lifespan="off")
        await uvicorn.Server(page).serve()


def main() -> None:
    parser = argparse.ArgumentParser(description="Catch mails over SMTP and show them on a page.")
    parser.add_argument("--maildir", type=Path, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--ui-port", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(serve(options.maildir, options.smtp_port, options.ui_port))


if __name__ == "__main__":
    main()
