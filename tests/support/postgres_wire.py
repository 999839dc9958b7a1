"""Just enough of PostgreSQL's protocol to know which statement a connection runs, and when it has been answered.

Source: "Message Formats" in PostgreSQL's manual. A message is a type byte, a length that counts itself, and a body; only what a
client sends before it is connected has no type byte.
"""

import struct

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_PROTOCOL_MAJOR = 3  # the upper half of a start-up message's code; in the requests above it is 1234


class Conversation:
    """One connection. Feed it what each side says."""

    def __init__(self) -> None:
        self.failed = False  # the statement that ran last was refused
        self._asked = 0  # how many times the client wants to hear "ready for the next one"
        self._answered = 0  # how many times the server said so
        self._is_connected = False
        self._unread_of_client = b""
        self._unread_of_server = b""
        self._bare_bytes = 0  # the answer to a request for encryption is one byte and no message
        self._statements: dict[bytes, bytes] = {}
        self._portals: dict[bytes, bytes] = {}

    @property
    def is_answered(self) -> bool:
        """Whether the server is done with everything that it was asked."""
        return self._answered == self._asked

    def client_says(self, data: bytes) -> list[str]:
        """The statements that these bytes run."""
        self._unread_of_client += data
        while not self._is_connected and (greeting := self._next_greeting()) is not None:
            self._understand_greeting(greeting)
        executed = []
        while self._is_connected and (message := _first_message(self._unread_of_client)) is not None:
            kind, body, self._unread_of_client = message
            sql = self._understand(kind, body)
            if sql is not None:
                executed.append(sql.decode())
        return executed

    def server_says(self, data: bytes) -> None:
        bare = min(self._bare_bytes, len(data))
        self._bare_bytes -= bare
        self._unread_of_server += data[bare:]
        while (message := _first_message(self._unread_of_server)) is not None:
            kind, _, self._unread_of_server = message
            self.failed = self.failed or kind == b"E"
            self._answered += kind == b"Z"

    def _next_greeting(self) -> bytes | None:
        if len(self._unread_of_client) < 4:
            return None
        (length,) = struct.unpack_from("!i", self._unread_of_client)
        if len(self._unread_of_client) < length:
            return None
        greeting, self._unread_of_client = self._unread_of_client[4:length], self._unread_of_client[length:]
        return greeting

    def _understand_greeting(self, greeting: bytes) -> None:
        (code,) = struct.unpack_from("!i", greeting)
        if code in (_SSL_REQUEST, _GSS_REQUEST):
            self._bare_bytes += 1
        elif code >> 16 == _PROTOCOL_MAJOR:
            self._is_connected = True
            self._asked += 1

    def _understand(self, kind: bytes, body: bytes) -> bytes | None:
        """Take note of the message; the statement, if it runs one."""
        first, _, rest = body.partition(b"\0")
        match kind:
            case b"P":  # Parse: a statement gets a name
                self._statements[first] = rest.partition(b"\0")[0]
            case b"B":  # Bind: a portal is a statement with its parameters
                self._portals[first] = self._statements.get(rest.partition(b"\0")[0], b"")
            case b"E":  # Execute a portal; the Sync that follows asks for the answer
                self.failed = False
                return self._portals.get(first, b"")
            case b"S":  # Sync
                self._asked += 1
            case b"Q":  # a simple query does all of it at once
                self._asked += 1
                self.failed = False
                return first
        return None


def _first_message(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Its type, its body and what comes after it; None while it is not all there."""
    if len(data) < 5:
        return None
    (length,) = struct.unpack_from("!i", data, 1)
    if len(data) <= length:
        return None
    return data[:1], data[5 : 1 + length], data[1 + length :]
