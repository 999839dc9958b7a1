"""Without these, a program that happened to connect to something keeps the stack from its port, or two servers are given the same one."""

import json
import socket
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.trouble import Trouble

FOR_CLIENTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ports.json"


def test_a_port_is_the_same_the_next_time(file: Path) -> None:
    assert ports.remembered(file, "postgres", given=[]) == ports.remembered(file, "postgres", given=[])


def test_a_port_that_was_taken_meanwhile_is_replaced(file: Path) -> None:
    before = ports.remembered(file, "postgres", given=[])

    with socket.create_server(("127.0.0.1", before)):
        assert ports.remembered(file, "postgres", given=[]) != before


def test_two_servers_never_share_a_port_though_neither_listens_yet(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "CHOSEN", range(20_000, 20_002))
    monkeypatch.setattr(ports, "is_free", lambda _host, _port: True)

    assert {ports.remembered(file, name, given=[]) for name in ("postgres", "broker")} == {20_000, 20_001}


def test_two_servers_that_were_given_the_same_port_are_parted(file: Path) -> None:
    file.write_text(json.dumps({"postgres": 20_000, "broker": 20_000}))

    assert ports.remembered(file, "broker", given=[]) != 20_000


def test_a_port_that_a_variable_claims_is_not_given_to_a_server(file: Path) -> None:
    before = ports.remembered(file, "postgres", given=[])

    assert ports.remembered(file, "postgres", given=[before]) != before


def test_the_kernel_gives_no_client_a_port_that_we_choose() -> None:
    first = int(FOR_CLIENTS.read_text().split()[0]) if FOR_CLIENTS.exists() else 49_152

    assert max(ports.CHOSEN) < first


def test_when_no_port_is_free_a_sentence_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _host, _port: False)

    with pytest.raises(Trouble, match="no port from 20000 to 31999 is free"):
        ports.remembered(file, "postgres", given=[])


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "80a", "８０"])  # noqa: RUF001  # digits that are not ours
def test_what_cannot_be_a_port_is_refused(text: str) -> None:
    with pytest.raises(Trouble, match=r"HOLDFAST_PORT=.* is no port"):
        ports.check("HOLDFAST_PORT", text)


def test_one_port_for_two_variables_is_refused() -> None:
    with pytest.raises(Trouble, match="HOLDFAST_PORT and HOLDFAST_SMTP_PORT are both 20000"):
        ports.refuse_taken({"HOLDFAST_PORT": ("127.0.0.1", 20_000), "HOLDFAST_SMTP_PORT": ("127.0.0.1", 20_000)})


def test_a_connection_that_was_just_closed_does_not_count_as_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()

    assert ports.is_free("127.0.0.1", port)
