"""The supervisor of the stack: its configuration, and what we ask it while it runs.

It starts again what dies. A process that dies within START_SECONDS of its start is tried again after 1, 2 and 3 seconds, and then given up.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from deploy.local import leftovers
from deploy.local.environment import Stack, for_processes
from deploy.local.places import SOCKET_PATH_MAX, Places, write_private
from deploy.local.programs import SERVERS, SERVICES, STOP_SECONDS_MAX, Program
from deploy.local.trouble import Trouble

NAME = "supervisor"
START_SECONDS = 5
RETRIES = 3  # waits of 1, 2 and 3 seconds: each restart is within 5
LOG_BYTES_MAX = 10_000_000  # of each process, twice: the log before it is kept
ANSWER_SECONDS_MAX = 10
POLL_SECONDS = 0.03
GIVEN_UP = "FATAL"


@dataclass(frozen=True, slots=True)
class Process:
    """What the supervisor knows about one program."""

    name: str
    state: str
    pid: int
    up_seconds: int
    trouble: str  # why it does not run, in the supervisor's words; empty while it does

    @property
    def is_running(self) -> bool:
        return self.state in ("STARTING", "RUNNING")


class Supervisor:
    """A supervisor that may or may not be running for these places."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def is_running(self) -> bool:
        try:
            return bool(self._ask().getSupervisorVersion())
        except (OSError, xmlrpc.client.Error):
            return False

    def launch(self, stack: Stack, programs: list[Program]) -> None:
        """Run a supervisor that has started nothing yet, in a session of its own: Ctrl-C in the terminal is for us to answer."""
        socket = self._new_socket()
        for log in self._places.logs.glob("*.log"):  # what is read after a failure is then of this start alone
            log.replace(log.with_name(f"{log.name}.1"))
        configuration = self._places.run / "supervisord.conf"
        write_private(configuration, _configuration(self._places, socket, programs))
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(configuration)]
        environ = leftovers.mark(for_processes(stack), self._places.run, NAME)
        with self._places.log("supervisor-output").open("wb") as output:
            child = subprocess.Popen(
                command,
                cwd=self._places.run.parent,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while not self.is_running():
            if child.poll() is not None or time.monotonic() > deadline:
                raise Trouble(f"the supervisor does not start:\n{self._places.log('supervisor-output').read_text(encoding='utf-8')}")
            time.sleep(POLL_SECONDS)

    def start(self, names: Iterable[str]) -> None:
        """Start these without waiting; `processes` says how it went."""
        for name in names:
            try:
                self._ask().startProcess(name, False)
            except xmlrpc.client.Fault as fault:
                raise Trouble(f"{name} cannot be started: {fault.faultString}") from None

    def processes(self) -> list[Process]:
        """All programs in the order of their start. Raises Trouble when the supervisor is gone."""
        try:
            known = [_process(facts) for facts in cast(list[dict[str, Any]], self._ask().getAllProcessInfo())]
        except (OSError, xmlrpc.client.Error):
            raise Trouble("the supervisor of the stack is gone: stopped from another terminal, or killed") from None
        return sorted(known, key=lambda process: (*SERVERS, *SERVICES).index(process.name))

    def shut_down(self) -> None:
        """Stop all programs, the last started first, and the supervisor. Returns when no process of the stack is left."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while leftovers.find(self._places.run, [NAME]) and time.monotonic() < deadline:
            # Asked again and again: at first it may not listen yet, and later each question wakes it. Between two events it sleeps
            # for a second, and the end of each process is one event.
            with suppress(OSError, xmlrpc.client.Error):
                self._ask().shutdown()
            time.sleep(POLL_SECONDS)
        leftovers.end(leftovers.find(self._places.run))
        self._remove_socket()

    def _ask(self) -> Any:
        """The methods that supervisor documents under "XML-RPC API"."""
        socket = self._socket_file().read_text(encoding="utf-8") if self._socket_file().exists() else ""
        if not socket:
            raise ConnectionError("no supervisor was started here")
        transport = SupervisorTransport(None, None, f"unix://{socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def _socket_file(self) -> Path:
        return self._places.run / "supervisor.address"

    def _new_socket(self) -> Path:
        """A socket in `.run/`, or in a new private folder when the path of the clone is too long for the kernel."""
        socket = self._places.run / "supervisor.sock"
        if len(os.fsencode(socket)) > SOCKET_PATH_MAX:
            socket = Path(tempfile.mkdtemp(prefix="holdfast-")) / "supervisor.sock"
        write_private(self._socket_file(), str(socket))
        return socket

    def _remove_socket(self) -> None:
        if self._socket_file().exists():
            socket = Path(self._socket_file().read_text(encoding="utf-8"))
            socket.unlink(missing_ok=True)
            if socket.parent != self._places.run:
                shutil.rmtree(socket.parent, ignore_errors=True)
            self._socket_file().unlink()


def _process(facts: dict[str, Any]) -> Process:
    up_seconds = facts["now"] - facts["start"] if facts["pid"] else 0
    return Process(facts["name"], facts["statename"], facts["pid"], up_seconds, facts["spawnerr"])


def _configuration(places: Places, socket: Path, programs: list[Program]) -> str:
    sections = [
        _section("unix_http_server", {"file": socket, "chmod": "0700"}),
        _section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"}),
        _section(
            "supervisord",
            {
                "logfile": _relative(places, places.log(NAME)),
                "logfile_maxbytes": LOG_BYTES_MAX,
                "logfile_backups": 1,
                "pidfile": _relative(places, places.run / "supervisor.pid"),
                "silent": "true",
            }
            | ({"user": "root"} if os.geteuid() == 0 else {}),
        ),
    ]
    sections += [_program(places, program, priority) for priority, program in enumerate(programs, start=1)]
    return "\n".join(sections)


def _program(places: Places, program: Program, priority: int) -> str:
    launch = [sys.executable, "-m", "deploy.local.launch", program.name, *program.command]
    return _section(
        f"program:{program.name}",
        {
            "command": shlex.join(launch),
            "priority": priority,
            "autostart": "false",
            "autorestart": "true",
            "startsecs": START_SECONDS,
            "startretries": RETRIES,
            "stopsignal": program.stop_signal,
            "stopwaitsecs": STOP_SECONDS_MAX,
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _relative(places, places.log(program.name)),
            "stdout_logfile_maxbytes": LOG_BYTES_MAX,
            "stdout_logfile_backups": 1,
        },
    )


def _relative(places: Places, path: Path) -> Path:
    """From the supervisor's working directory: it trips over a percent sign in the path of the clone."""
    return path.relative_to(places.run.parent)


def _section(name: str, values: dict[str, object]) -> str:
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines, ""])
