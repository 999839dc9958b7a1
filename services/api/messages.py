"""What a server and an app say to each other, by ASGI."""

from starlette.types import Message, Receive


def replaying(message: Message, receive: Receive) -> Receive:
    """Receive what was read already, then whatever comes after it."""
    waiting = [message]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


def whole_body(body: bytes) -> Message:
    """A body that has no other part."""
    return {"type": "http.request", "body": body, "more_body": False}
