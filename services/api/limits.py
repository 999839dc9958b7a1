"""Who may ask how often. A route says it with these decorators, in slowapi's words; services/api/edge.py holds callers to it.

Only the declaring is slowapi's: its middleware limits nothing behind `include_router`, and asks Redis while the event loop
waits (docs/decisions/0031). What only the body names, the route itself has counted, before it does any work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from fastapi import Request
from slowapi import Limiter

from services.runtime.rate_limits import Policy

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Asker(NamedTuple):
    """What is known of a request before anybody has read it."""

    network: str  # the address; of IPv6 the network that one customer of a provider has
    account_id: str  # empty without a token


@dataclass(frozen=True, slots=True)
class Limit:
    """A policy, and whom it counts: an empty text is nobody of this request."""

    policy: Policy
    key_func: Callable[[Asker], str]


def by_network(request: Asker) -> str:
    return request.network


def by_account(request: Asker) -> str:
    """Without a token the network alone counts."""
    return request.account_id


def by_body(request: Asker) -> str:  # noqa: ARG001  # slowapi calls its key functions with a request
    """The route knows, once it has read the body."""
    return ""


limiter = Limiter(key_func=by_network, enabled=False, key_style="endpoint")


def _limit(policy: Policy, key_func: Callable[[Asker], str]) -> Callable[[Endpoint], Endpoint]:
    """A limit that all routes which declare it share."""
    declare = limiter.shared_limit(f"{policy.burst} per {policy.seconds} seconds", scope=policy.name, key_func=key_func)

    def decorate(endpoint: Endpoint) -> Endpoint:
        async def declared(request: Request) -> None:
            """slowapi looks for a parameter named `request`, which most endpoints have no use for."""

        declared.__module__, declared.__name__ = endpoint.__module__, endpoint.__name__
        declare(declared)  # it knows an endpoint by these names; the wrapper that it returns is for its own enforcement
        return endpoint

    return decorate


OVERALL = Limit(Policy("network", burst=500, seconds=5), by_network)  # of everything, paths that do not exist included
ADDRESS_TRIED = Policy("address-tried", burst=10, seconds=60)
MAILS = Policy("mails", burst=3, seconds=3_600)

network = _limit(OVERALL.policy, by_network)
account = _limit(Policy("account", burst=300, seconds=6), by_account)
placing = _limit(Policy("placing", burst=250, seconds=10), by_account)
sign_in = _limit(Policy("sign-in", burst=30, seconds=60), by_network)
credentials = _limit(Policy("credentials", burst=10, seconds=60), by_network)
address_tried = _limit(ADDRESS_TRIED, by_body)
mails = _limit(MAILS, by_body)


def unlimited(endpoint: Endpoint) -> Endpoint:
    """For those who watch whether the process lives."""
    limiter.exempt(endpoint)  # type: ignore[no-untyped-call]  # the one function of slowapi without types
    return endpoint


def limits_of(endpoint: Callable[..., Any]) -> Sequence[Limit]:
    """What holds for the endpoint: the overall limit and those that it declares. Raises LookupError if it declares nothing."""
    name = f"{endpoint.__module__}.{endpoint.__name__}"
    if name in limiter._exempt_routes:  # noqa: SLF001  # slowapi has no other way to ask what was declared
        return []
    declared = limiter._route_limits.get(name)  # noqa: SLF001
    if declared is None:
        raise LookupError(f"{name} declares no rate limit; services/api/limits.py has them")
    limits = [Limit(Policy(one.scope, one.limit.amount, one.limit.get_expiry()), one.key_func) for one in declared]
    return [OVERALL, *(limit for limit in limits if limit != OVERALL)]
