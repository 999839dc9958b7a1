"""What is known of each route before it runs: the edge looks here instead of in the router, which would cost it ten times as much.

Paths are matched by the router's own expressions and in its order, so both agree on every path.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api.call_plan import CalledByPlan, CallPlan, NoPlan
from services.api.dependencies import Requires
from services.api.limits import OVERALL, Asker, Limit, limits_of
from services.inventory.accounts.permissions import Permission
from services.runtime.rate_limits import Bucket


@dataclass(frozen=True, slots=True)
class Route:
    template: str
    methods: frozenset[str]
    endpoint: Callable[..., Any]
    limits: Sequence[Limit]
    permission: Permission | None
    app: ASGIApp | None = field(repr=False)  # None: only the router can run it
    pattern: re.Pattern[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A route, and what its path names."""

    route: Route
    path: Mapping[str, str]


class RouteTable:
    """Raises LookupError when a route declares no limit, ValueError when it cannot be filed."""

    def __init__(self, routes: Sequence[BaseRoute], *, limit_factor: float, has_plans: bool) -> None:
        """`limit_factor` makes every limit more generous; 0 is none at all."""
        self.routes = list(_routes(routes, limit_factor, has_plans=has_plans))
        self._elsewhere = _scaled([OVERALL], limit_factor)
        self.policies = {limit.policy.name for route in self.routes for limit in route.limits}
        self._by_depth: dict[tuple[str, int], list[Route]] = {}
        for route in self.routes:
            self._by_depth.setdefault(_shelf(route.template), []).append(route)

    def find(self, method: str, path: str) -> Found | None:
        """The route that will answer; None if none will."""
        for route in self._by_depth.get(_shelf(path), ()):
            if method in route.methods and (match := route.pattern.match(path)):
                return Found(route, match.groupdict())
        return None

    def buckets(self, route: Route | None, asker: Asker) -> list[Bucket]:
        """What the request is counted in."""
        limits = route.limits if route is not None else self._elsewhere
        return [Bucket(limit.policy, holder) for limit in limits if (holder := limit.key_func(asker))]


class StraightToRoute:
    """Calls what the edge has found. The router would look through the routes once more, and through each router twice."""

    def __init__(self, router: ASGIApp) -> None:
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found: Found | None = scope.get("found")  # none but of requests
        if found is None or found.route.app is None:
            await self._router(scope, receive, send)
            return
        scope["path_params"] = found.path
        await found.route.app(scope, receive, send)


def _shelf(path: str) -> tuple[str, int]:
    """Where in the table a path lies: its second part, if it is not the last, and its depth."""
    parts = path.split("/", 3)
    return (parts[2] if len(parts) > 3 else "", path.count("/"))  # noqa: PLR2004


def _routes(routes: Sequence[BaseRoute], limit_factor: float, *, has_plans: bool) -> Iterable[Route]:
    for context in iter_route_contexts(routes):
        template, endpoint = context.path, context.endpoint
        if template is None or endpoint is None:
            raise ValueError(f"the table of routes cannot file {context.original_route}")
        pattern, _, convertors = compile_path(template)
        if any(convertor.regex == ".*" for convertor in convertors.values()) or "{" in _shelf(template)[0]:
            raise ValueError(f"the table of routes cannot file {template}")
        is_ours = isinstance(context.original_route, APIRoute)  # the framework's own is the OpenAPI document
        yield Route(
            template=template,
            methods=frozenset(context.methods or ()),
            endpoint=endpoint,
            limits=_scaled(limits_of(endpoint) if is_ours else [OVERALL], limit_factor),
            permission=_permission(context.dependant) if is_ours else None,
            app=_app(context, has_plans=has_plans) if is_ours else None,
            pattern=pattern,
        )


def _scaled(limits: Iterable[Limit], factor: float) -> Sequence[Limit]:
    return [replace(limit, policy=limit.policy.scaled(factor)) for limit in limits] if factor > 0 else []


def _app(route: RouteContext, *, has_plans: bool) -> ASGIApp:
    app: ASGIApp = route.app
    if not has_plans:
        return app
    try:
        return CalledByPlan(CallPlan(route), app)
    except NoPlan:
        return app


def _permission(dependant: Dependant) -> Permission | None:
    return next((part.call.permission for part in dependant.dependencies if isinstance(part.call, Requires)), None)
