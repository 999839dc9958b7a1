"""Who is asking, when there may be proxies in between.

Anybody can send X-Forwarded-For. Each proxy appends whom it heard, so the list is true from its right end for as long as
the one who wrote an entry is trusted; everything left of the first stranger may be made up.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS_MAX = 16  # more proxies than anybody has in a row; what is left of them is not looked at
ENTRY_LENGTH_MAX = 64  # an IPv6 address in brackets with a port has at most 53
REMEMBERED_MAX = 8_192  # callers that each of the caches knows, some 2 MB
IPV6_PREFIX = 64  # what one customer of a provider gets at the least; within it they have as many addresses as they like


class TrustedProxies:
    """Finds out who is asking; nobody is believed unless their network is named."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._is_trusted = lru_cache(REMEMBERED_MAX)(self._look_up)
        self._first_stranger = lru_cache(REMEMBERED_MAX)(self._walk)

    def mark(self, scope: Scope) -> None:
        """Put the caller's address into scope["client_address"], None if there is none, and the scheme they used into scope["scheme"]."""
        client = scope.get("client")
        peer: str | None = _normalised(client[0]) if client else None
        scope["client_address"] = peer
        if peer is None or not self._networks or not self._is_trusted(peer):
            return
        forwarded = tuple(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        if forwarded:
            scope["client_address"] = self._first_stranger(peer, forwarded)
        for name, value in scope["headers"]:
            if name == b"x-forwarded-proto" and value.strip().lower() == b"https":
                scope["scheme"] = "https"

    def _walk(self, peer: str, lines: Sequence[bytes]) -> str:
        """The first address from the right that is no trusted proxy; the last legible one if all are, or one cannot be read."""
        address = peer
        for entry in reversed(b",".join(lines).rsplit(b",", HOPS_MAX)[-HOPS_MAX:]):
            named = _parse(entry)
            if named is None:
                break
            address = str(named)
            if not self._is_trusted(address):
                break
        return address

    def _look_up(self, address: str) -> bool:
        parsed = _parse(address.encode())
        return parsed is not None and any(parsed in network for network in self._networks)


@lru_cache(REMEMBERED_MAX)
def bucket(address: str) -> str:
    """What is limited as one caller: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    return str(ip_network((address, IPV6_PREFIX), strict=False))


@lru_cache(REMEMBERED_MAX)
def _normalised(peer: str) -> str | None:
    parsed = _parse(peer.partition("%")[0].encode())  # a link-local peer is named with its interface
    return str(parsed) if parsed else None


def _parse(entry: bytes) -> Address | None:
    """The address of an entry, with or without brackets and port. An IPv4 address in IPv6 clothes is one of IPv4."""
    if len(entry) > ENTRY_LENGTH_MAX or b"%" in entry:
        return None
    try:
        address = ip_address(_without_port(entry.decode("ascii").strip(" \t")))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(text: str) -> str:
    """Raises ValueError if what should be a port is none."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        if rest and not (rest.startswith(":") and rest[1:].isdigit()):
            raise ValueError(text)
        return str(IPv6Address(host))
    host, colon, port = text.partition(":")
    if not colon or ":" in port:
        return text
    if not port.isdigit():
        raise ValueError(text)
    return host
