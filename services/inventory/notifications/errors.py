"""How a dead letter can refuse."""

from services.runtime.errors import Conflict, NotFound


class DeadLetterNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("there is no such dead letter")


class DeadLetterDiscarded(Conflict):
    code = "dead_letter_discarded"
    title = "Dead letter was discarded"

    def __init__(self) -> None:
        super().__init__("somebody has decided that this is not to be sent any more")


class DeadLetterReplayed(Conflict):
    code = "dead_letter_replayed"
    title = "Dead letter was replayed"

    def __init__(self) -> None:
        super().__init__("it is on its way again, or has arrived; it can be discarded if it dies once more")
