"""A change that could overwrite another's says which version it changes."""

from dataclasses import dataclass

from services.runtime.errors import PreconditionFailed, PreconditionRequired


class EtagMismatch(PreconditionFailed):
    code = "etag_mismatch"
    title = "Changed in the meantime"

    def __init__(self) -> None:
        super().__init__("the resource is not in the state that your precondition names; read it again and decide anew")


class PreconditionMissing(PreconditionRequired):
    code = "precondition_required"
    title = "Say which version you change"

    def __init__(self) -> None:
        super().__init__("send If-Match with the ETag that you have read, or If-None-Match: * to create")


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must be true of the resource: that it has one of these versions, or that it does not exist."""

    versions: frozenset[int] = frozenset()
    is_any_version: bool = False  # If-Match: *
    must_be_absent: bool = False  # If-None-Match: *

    def check(self, current_version: int | None) -> None:
        """Compare with the version that the caller has locked; None is a resource that does not exist. Refuses: EtagMismatch."""
        if self.must_be_absent:
            is_met = current_version is None
        else:
            is_met = current_version is not None and (self.is_any_version or current_version in self.versions)
        if not is_met:
            raise EtagMismatch
