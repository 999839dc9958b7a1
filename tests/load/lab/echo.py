"""A server that says yes to everything at once: what is measured against it is the generator itself.

python -m tests.load.lab.echo PORT
"""

import asyncio
import sys

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class _Yes(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a socket, so one that writes
        self._transport = transport

    def data_received(self, data: bytes) -> None:  # noqa: ARG002  # one request, as our generator sends them
        self._transport.write(_ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Yes, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
