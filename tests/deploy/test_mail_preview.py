"""Without this, somebody who changes a mail looks at the others and not at that one."""

import re
from pathlib import Path

from deploy.local import mail_preview
from services.inventory.notifications.letters import KINDS


def test_every_mail_can_be_looked_at_as_it_usually_is_and_at_its_worst(tmp_path: Path) -> None:
    count = mail_preview.write(tmp_path)

    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    names = {name for kind in KINDS for name in (kind, f"{kind}.nasty")}
    assert set(re.findall(r'<iframe src="(.+?)\.html"', index)) == names
    assert count == len(names)
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.html",
        *(f"{name}.{ending}" for name in names for ending in ("html", "txt")),
    }
    for name in names:
        html, text = ((tmp_path / f"{name}.{ending}").read_text(encoding="utf-8") for ending in ("html", "txt"))
        assert "Hello" in html
        assert text.startswith("Hello")
        assert not re.search(r"<script|<img|[\u202a-\u202e\u2066-\u2069]", html)
        assert "\nBcc:" not in text


def test_two_previews_of_the_same_mails_are_the_same(tmp_path: Path) -> None:
    for folder in ("before", "after"):
        mail_preview.write(tmp_path / folder)

    before, after = ({path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()} for folder in ("before", "after"))
    assert before == after
