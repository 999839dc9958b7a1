"""Without these, an error skips the one table of status codes, or a middleware costs more than the request."""

from collections.abc import Iterator

from tests.support.sources import Source, sources


def refusals_without_a_code(source: Source) -> Iterator[str]:
    return source.mentions("HTTPException")


def slow_middleware(source: Source) -> Iterator[str]:
    return source.mentions("BaseHTTPMiddleware")


def test_routes_refuse_with_the_features_own_errors() -> None:
    assert [place for source in sources("services/api/routes") for place in refusals_without_a_code(source)] == []


def test_middleware_is_plain_asgi() -> None:
    assert [place for source in sources("services") for place in slow_middleware(source)] == []


def test_both_rules_can_be_broken() -> None:
    teapot = Source("services/api/routes/tea.py", "from fastapi import HTTPException\nraise HTTPException(418)")
    wrapper = Source("services/api/middleware.py", "class Timing(middleware.BaseHTTPMiddleware): ...")

    assert list(refusals_without_a_code(teapot)) == ["services/api/routes/tea.py:1", "services/api/routes/tea.py:2"]
    assert list(slow_middleware(wrapper)) == ["services/api/middleware.py:1"]
