"""Users, passwords in files that are rotated, and real TLS handshakes."""

from __future__ import annotations

import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from orchestrator.errors import StoreError, StoreRefusedError, StoreUnavailableError
from orchestrator.store import Login, Store, connect
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PERMISSIONS = ["~*", "&*", "+@all"]


def ping(url: str, login: Login | None = None) -> None:
    """Connect anew, and see whether the server serves."""
    store = Store(connect(url, timeout_s=5.0, pool_size=1, login=login))
    try:
        store.ping()
    finally:
        store.close()


@pytest.fixture
def guarded() -> Iterator[RedisServer]:
    """A server with a user ``app``, whose password is ``first``; the default user has none."""
    with RedisServer() as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "app", "on", ">first", *PERMISSIONS)
        yield server


@pytest.mark.parametrize("in_address", [True, False])
def test_password_comes_from_its_file(guarded: RedisServer, tmp_path: Path, in_address: bool) -> None:  # noqa: FBT001
    """The user may stand in the address or in a setting of its own."""
    file = tmp_path / "password"
    file.write_text("first\n")
    login = Login("" if in_address else "app", str(file))
    client = connect(
        f"unix://app@{guarded.socket}" if in_address else guarded.url, timeout_s=5.0, pool_size=1, login=login
    )
    assert client.acl_whoami() == b"app"
    client.close()


def test_username_goes_with_the_password_of_the_address(guarded: RedisServer) -> None:
    """Platforms give the two in different places."""
    client = connect(f"{guarded.url}?password=first", timeout_s=5.0, pool_size=1, login=Login("app"))
    assert client.acl_whoami() == b"app"
    client.close()


def test_rotated_password_needs_no_restart(guarded: RedisServer, tmp_path: Path) -> None:
    """Open connections go on; the next one to be made logs in with what the file holds then."""
    file = tmp_path / "password"
    file.write_text("first")
    store = Store(connect(guarded.url, timeout_s=5.0, pool_size=1, login=Login("app", str(file))))
    store.ping()
    with guarded.client() as operator:
        operator.execute_command("ACL", "SETUSER", "app", "resetpass", ">second")
        store.ping()
        operator.execute_command("CLIENT", "KILL", "USER", "app")
        with pytest.raises(StoreRefusedError, match="invalid username-password") as caught:
            store.ping()
        assert "first" not in str(caught.value)
        file.write_text("second")
        store.ping()
    store.close()


def test_missing_password_file_is_told_and_waited_for(guarded: RedisServer, tmp_path: Path) -> None:
    """A secret may be mounted late, or replaced at this very moment."""
    file = tmp_path / "password"
    store = Store(connect(guarded.url, timeout_s=5.0, pool_size=1, login=Login("app", str(file))))
    with pytest.raises(StoreRefusedError, match=r"REDIS_PASSWORD_FILE: the file .*/password cannot be read"):
        store.ping()
    file.write_text("first")
    store.ping()
    store.close()


class Authority:
    """Files of a certificate authority and of what it issued."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        folder.mkdir()
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, **options: Any) -> tuple[Path, Path]:
        """Files with a certificate for *name* and with its key."""
        leaf = self._ca.issue_cert(name, **options)
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        leaf.cert_chain_pems[0].write_to_path(str(certificate))
        leaf.private_key_pem.write_to_path(str(key))
        return certificate, key


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signed the server."""
    return Authority(tmp_path_factory.mktemp("tls") / "trusted")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that signed nothing that counts."""
    return Authority(tmp_path_factory.mktemp("tls") / "stranger")


def _tls_arguments(authority: Authority, certificate: Path, key: Path, clients: str) -> tuple[int, list[str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    files = {"cert-file": certificate, "key-file": key, "ca-cert-file": authority.file}
    options = [part for name, path in files.items() for part in (f"--tls-{name}", str(path))]
    return port, ["--tls-port", str(port), "--bind", "127.0.0.1", "--tls-auth-clients", clients, *options]


@pytest.fixture(scope="module")
def tls_program() -> Path:
    """A server that can do TLS."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("needs a redis-server on PATH")
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    if "libssl" not in linked:
        pytest.skip(f"{program} was built without TLS")
    return Path(program)


@pytest.fixture(scope="module")
def tls_port(tls_program: Path, trusted: Authority) -> Iterator[int]:
    """Where a server with a certificate for 127.0.0.1 listens, which asks clients for none."""
    port, arguments = _tls_arguments(trusted, *trusted.issue("127.0.0.1"), "no")
    with RedisServer(tls_program, arguments):
        yield port


def test_tls_with_the_right_authority(tls_port: int, trusted: Authority) -> None:
    """The documented form of the address."""
    ping(f"rediss://127.0.0.1:{tls_port}?ssl_ca_certs={trusted.file}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_is_checked_by_default(tls_port: int, stranger: Authority, trusted: Authority, host: str) -> None:
    """A wrong authority, none at all, and a name that is not in the certificate."""
    file = stranger.file if host == "127.0.0.1" else trusted.file
    for options in (f"?ssl_ca_certs={file}", ""):
        with pytest.raises(StoreUnavailableError, match="certificate verify failed"):
            ping(f"rediss://{host}:{tls_port}{options}")


def test_tls_with_an_expired_certificate(tls_program: Path, trusted: Authority) -> None:
    """Its time is checked, too."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = trusted.issue("127.0.0.2", not_before=yesterday - timedelta(days=1), not_after=yesterday)
    port, arguments = _tls_arguments(trusted, *expired, "no")
    arguments[arguments.index("127.0.0.1")] = "127.0.0.2"
    with (
        RedisServer(tls_program, arguments),
        pytest.raises(StoreUnavailableError, match="certificate has expired"),
    ):
        ping(f"rediss://127.0.0.2:{port}?ssl_ca_certs={trusted.file}")


def test_tls_with_a_certificate_of_ours(tls_program: Path, trusted: Authority, stranger: Authority) -> None:
    """A server that wants to know its clients takes the right certificate, and neither a stranger's nor none."""
    port, arguments = _tls_arguments(trusted, *trusted.issue("127.0.0.1"), "yes")
    address = f"rediss://127.0.0.1:{port}?ssl_ca_certs={trusted.file}"
    with RedisServer(tls_program, arguments):
        certificate, key = trusted.issue("client")
        ping(f"{address}&ssl_certfile={certificate}&ssl_keyfile={key}")
        certificate, key = stranger.issue("client")
        for options in (f"&ssl_certfile={certificate}&ssl_keyfile={key}", ""):
            with pytest.raises(StoreError):
                ping(address + options)
