"""The balancer of docker-compose.yml in front of APIs of the lab's own, from the same file: `deploy/docker/nginx.conf`."""

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.load.lab.stacks import Stack
from tests.support.program import free_port
from tests.support.sources import ROOT

CONFIGURATION = ROOT / "deploy" / "docker" / "nginx.conf"
_READY_SECONDS_MAX = 10
_POLL_SECONDS = 0.05
_SERVERS = re.compile(r"^ *server api-\d:8000 .*\n", re.MULTILINE)
_HEALTH = re.compile(r"^ *listen 127\.0\.0\.1:8081;", re.MULTILINE)
_RESOLVER = re.compile(r"^ *resolver .*\n", re.MULTILINE)


def missing() -> str | None:
    """Why there is no nginx here, or None."""
    return None if shutil.which("nginx") else "nginx is not installed here; make load TARGET=compose measures it in containers"


def configuration(folder: Path, *, port: int, health_port: int, replicas: Sequence[int]) -> str:
    """What is shipped, but for its addresses and places."""
    text = CONFIGURATION.read_text()
    servers = "".join(f"        server 127.0.0.1:{one} max_fails=0;\n" for one in replicas)
    first = _SERVERS.search(text)
    assert first, "deploy/docker/nginx.conf has no servers any more that this knows"
    text = text[: first.start()] + servers + _SERVERS.sub("", text[first.start() :])
    text = _RESOLVER.sub("", text)
    text = _HEALTH.sub(f"        listen 127.0.0.1:{health_port};", text)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    return text.replace("/tmp/", f"{folder}/").replace("/dev/stderr", f"{folder}/error.log").replace("/dev/stdout", f"{folder}/access.log")  # noqa: S108


@asynccontextmanager
async def in_front_of(stack: Stack, replicas: Sequence[int]) -> AsyncIterator[int]:
    """Its port."""
    folder = stack.folder / f"nginx-{len(replicas)}"
    folder.mkdir(exist_ok=True)
    port = free_port()
    written = folder / "nginx.conf"
    written.write_text(configuration(folder, port=port, health_port=free_port(), replicas=replicas))
    user = "user root;" if os.geteuid() == 0 else ""  # whom else would the folder let in
    command = ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(written), "-g", f"daemon off; {user}"]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, start_new_session=True)
    stack.leash.hold(process.pid)
    stack.others["nginx"] = [process.pid]
    try:
        await _until_listening(port, process, folder)
        yield port
    finally:
        del stack.others["nginx"]
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        stack.leash.let_go(process.pid)


async def _until_listening(port: int, process: asyncio.subprocess.Process, folder: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS_MAX
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert process.returncode is None and time.monotonic() < deadline, (folder / "error.log").read_text()  # noqa: PT018
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            return
