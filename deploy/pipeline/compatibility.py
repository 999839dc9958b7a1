"""Whether who worked with the old API works with the new one, and what else has changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deploy.pipeline.promises import LIMITS, Json, Place, Promise, promises_of

Promises = Mapping[Place, Promise]


@dataclass(frozen=True, slots=True)
class Changes:
    breaking: tuple[str, ...]
    others: tuple[str, ...]


def compare(old: Json, new: Json) -> Changes:
    """Every change, in the order of the old document and then of the new one."""
    before, after = promises_of(old), promises_of(new)
    breaking: list[str] = []
    others: list[str] = []
    for place, promise in before.items():
        if place in after:
            broken = list(_broken(promise, after[place]))
            breaking += [f"{_name(place)} {fault}" for fault in broken]
            others += [f"{_name(place)} is wider or narrower in a way that breaks nobody"] if promise != after[place] and not broken else []
        elif _has_parent(place, after):
            breaking.append(f"{_name(place)} is gone")
    for place in after.keys() - before.keys():
        if _has_parent(place, before):
            is_demanded = after[place].is_asked and after[place].is_required
            (breaking if is_demanded else others).append(f"{_name(place)} is new{' and required' if is_demanded else ''}")
    return Changes(tuple(breaking), tuple(sorted(others)))


def _has_parent(place: Place, promises: Promises) -> bool:
    """Of what came or went as a whole, the topmost place is enough to know."""
    return len(place) == 1 or place[:-1] in promises


def _broken(old: Promise, new: Promise) -> Iterator[str]:
    yield from _broken_by_us(old, new) if new.is_asked else _broken_in_answers(old, new)
    if old.forms != new.forms and not (new.is_asked and new.forms < old.forms):
        yield "has another format"


def _broken_by_us(old: Promise, new: Promise) -> Iterator[str]:
    """What a caller said yesterday is refused today."""
    if new.is_required and not old.is_required:
        yield "is required now"
    if gone := _not_covered(old.types, new.types):
        yield f"can no longer be {_list(gone)}"
    if new.values is not None and (old.values is None or old.values - new.values):
        yield f"can only be {_list(new.values)} now"
    for keyword in LIMITS:
        if _is_tighter(keyword, old.limits.get(keyword), new.limits.get(keyword)):
            yield f"has {keyword} {new.limits[keyword]} now"


def _broken_in_answers(old: Promise, new: Promise) -> Iterator[str]:
    """What a reader relied on yesterday does not hold today."""
    if old.is_required and not new.is_required:
        yield "can be absent now"
    if more := _not_covered(new.types, old.types):
        yield f"can be {_list(more)} now"
    if old.values is not None and (new.values is None or new.values - old.values):
        yield f"can be {_list(new.values - old.values) if new.values else 'anything'} now"


def _not_covered(types: frozenset[str], by: frozenset[str]) -> frozenset[str]:
    """Types that are not among the others; without a type anything goes."""
    if not by:
        return frozenset()
    return (types or frozenset({"anything"})) - by - ({"integer"} if "number" in by else set())


def _is_tighter(keyword: str, old: float | None, new: float | None) -> bool:
    if new is None or old is None:
        return new is not None
    return new > old if keyword.lower().startswith(("min", "exclusivemin")) else new < old


def _name(place: Place) -> str:
    operation, *way = place
    return f"`{operation}`" + (f" `{'.'.join(way)}`" if way else "")


def _list(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))
