"""The mails that Mailpit caught, by its API: https://mailpit.axllent.org/docs/api-v1/."""

from functools import cached_property

import httpx

ANSWER_SECONDS_MAX = 5


class Mailpit:
    def __init__(self, url: str) -> None:
        self.url = url
        # A proxy of this machine has no business with it.
        self._client = httpx.Client(base_url=url, timeout=ANSWER_SECONDS_MAX, trust_env=False)

    @cached_property
    def is_there(self) -> bool:
        """Whether a Mailpit answers, and not somebody else."""
        try:
            return "messages_count" in self._search("nobody").json()
        except (httpx.TransportError, ValueError):
            return False

    def text_of(self, word: str) -> str | None:
        """The text of the newest mail with this word in it, which may be an address; None if there is none yet."""
        found = self._search(word).json()["messages"]
        return str(self._client.get(f"/api/v1/message/{found[0]['ID']}").json()["Text"]) if found else None

    def _search(self, word: str) -> httpx.Response:
        return self._client.get("/api/v1/search", params={"query": f'"{word}"'})
