"""A page of a list, as a request asks for it and as its answer tells where the next one is."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from services.api.dependencies import assembled, made_at_once
from services.runtime.paging import CURSOR_LENGTH_MAX, LIMIT_DEFAULT, LIMIT_MAX, Page, Position, Window

_NOT_OF_THE_LIST = {"limit", "cursor", "include", "consistency"}  # they choose neither rows nor their order


class PageRequest:
    """Which page of a list, and how to say where its neighbours are. Refuses: BadCursor."""

    def __init__(
        self,
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
        cursor: Annotated[
            str | None,
            Query(max_length=CURSOR_LENGTH_MAX, description="`next_cursor` or `prev_cursor` of a page with the same filters and sort"),
        ] = None,
        include: Annotated[
            Literal["total_estimate"] | None, Query(description="Also tell about how many there are, as the database's planner thinks")
        ] = None,
    ) -> None:
        self._path = request.url.path
        self._response = response
        self._parameters = sorted((name, value) for name, value in request.query_params.multi_items() if name not in {"limit", "cursor"})
        self._cursors = assembled(request).cursors
        chosen = [(name, value) for name, value in self._parameters if name not in _NOT_OF_THE_LIST]
        self._list = f"{self._path}?{urlencode(chosen)}"
        position = self._cursors.decode(cursor, of_list=self._list) if cursor is not None else None
        self.identity = (self._list, limit, cursor, include)  # what its answer depends on
        self.window = Window(position, limit, wants_total=include is not None)

    def about(self, page: Page[object]) -> dict[str, str | int | None]:
        """What the answer says beside its items; the cursors also go into its Link header (RFC 8288)."""
        cursors = {"next": self._encoded(page.next), "prev": self._encoded(page.previous)}
        query = urlencode([*self._parameters, ("limit", self.window.limit)])
        links = [f'<{self._path}?{query}&cursor={cursor}>; rel="{rel}"' for rel, cursor in cursors.items() if cursor]
        if links:
            self._response.headers["Link"] = ", ".join(links)
        return {"next_cursor": cursors["next"], "prev_cursor": cursors["prev"], "total_estimate": page.total_estimate}

    def of_copy(self) -> dict[str, str]:
        """The same Link header, for a copy of the answer to keep."""
        return {name: value for name, value in self._response.headers.items() if name == "link"}

    def _encoded(self, position: Position | None) -> str | None:
        return self._cursors.encode(position, of_list=self._list) if position else None


RequestedPage = Annotated[PageRequest, made_at_once(PageRequest)]
