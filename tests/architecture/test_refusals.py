"""Without these, a client meets an error that no document names, or two that it cannot tell apart."""

import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator

import services
from services.api.errors import STATUSES, status_of
from services.api.main import create_app
from services.inventory.accounts.errors import EmailTaken
from services.runtime.errors import Conflict, Refusal
from tests.support.settings import Where, settings

_NEVER_OVER_HTTP = {EmailTaken}  # no route opens an account yet


def every_refusal() -> list[type[Refusal]]:
    """All classes that can be raised; a kind, which has no code of its own and kinds of its own, cannot."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name != "services.worker.main":  # for Celery, to import it is to start it
            importlib.import_module(module.name)
    ours = [refusal for refusal in _descendants(Refusal) if refusal.__module__.startswith("services.")]
    return [refusal for refusal in ours if hasattr(refusal, "code") or not refusal.__subclasses__()]


def _descendants(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def faults(refusals: Iterable[type[Refusal]], document: str) -> Iterator[str]:
    refusals = list(refusals)
    owners = Counter(vars(refusal)["code"] for refusal in refusals if "code" in vars(refusal))
    for refusal in refusals:
        code = getattr(refusal, "code", None)
        if not (code and getattr(refusal, "title", None)):
            yield f"{refusal.__name__} has no code or no title"
        elif owners[code] > 1:
            yield f"{refusal.__name__} shares the code {code}"
        elif f"`{code}`: {refusal.title}" not in document:
            yield f"{refusal.__name__} ({code}) is not in the OpenAPI document"
        if not any(kind in STATUSES for kind in refusal.__mro__):
            yield f"{refusal.__name__} has no status"


def test_every_refusal_has_a_code_a_status_and_a_line_in_the_document() -> None:
    document = create_app(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))).openapi()

    assert list(faults(set(every_refusal()) - _NEVER_OVER_HTTP, json.dumps(document))) == []


def test_a_refusal_has_the_status_of_its_kind() -> None:
    assert {status_of(refusal) for refusal in every_refusal()} <= set(STATUSES.values())


def test_each_rule_can_be_broken() -> None:
    class Nameless(Conflict):
        pass

    class Taken(Conflict):
        code, title = "taken", "Taken"

    class Occupied(Conflict):
        code, title = "taken", "Taken"

    class Secret(Conflict):
        code, title = "secret", "Secret"

    class Kindless(Refusal):
        code, title = "kindless", "Kindless"

    assert list(faults([Nameless, Taken, Occupied, Secret, Kindless], "`taken`: Taken, `kindless`: Kindless")) == [
        "Nameless has no code or no title",
        "Taken shares the code taken",
        "Occupied shares the code taken",
        "Secret (secret) is not in the OpenAPI document",
        "Kindless has no status",
    ]
