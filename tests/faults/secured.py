"""Servers that speak TLS alone and know two users: tests, who may do everything, and the service with what it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme

from orchestrator.store import Login

EVERYTHING = ("~*", "&*", "+@all")
_DOCUMENTS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Files:
    """Certificates and passwords in a folder of a test.

    Attributes:
        authority: who signs.
        certificate: of all servers.
        key: of it.
        password: of the service's user.
        root_password: of the tests' user.
    """

    authority: Path
    certificate: Path
    key: Path
    password: Path
    root_password: Path

    @classmethod
    def made(cls, folder: Path) -> Self:
        """All of them, new."""
        names = ("ca.pem", "cert.pem", "key.pem", "password", "root")
        files = cls(*(folder / name for name in names))
        authority = trustme.CA()
        leaf = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(files.authority))
        leaf.cert_chain_pems[0].write_to_path(str(files.certificate))
        leaf.private_key_pem.write_to_path(str(files.key))
        files.password.write_text("of-the-service\n")
        files.root_password.write_text("root")
        return files

    @property
    def options(self) -> list[tuple[str, str]]:
        """What makes a server speak TLS; clients need no certificate."""
        certificates = {"cert": self.certificate, "key": self.key, "ca-cert": self.authority}
        return [*((f"tls-{name}-file", str(path)) for name, path in certificates.items()), ("tls-auth-clients", "no")]

    def users(self, *further: str) -> list[str]:
        """What a server is told of them.

        Args:
            further: permissions of the service's user beyond those of ``docs/redis-protocol.md``.
        """
        return [
            *("--requirepass", "root", "--masterauth", "root"),
            *("--user", "default", "on", ">root", *EVERYTHING),
            *("--user", "app", "on", ">of-the-service", *documented_permissions(), *further),
        ]

    @property
    def query(self) -> str:
        """Behind the address of such a server."""
        return f"?ssl_ca_certs={self.authority}"

    @property
    def root(self) -> Login:
        """The tests' login: WAIT is none of the service's rights."""
        return Login(password_file=str(self.root_password))

    @property
    def settings(self) -> dict[str, str]:
        """The service's login."""
        return {"REDIS_USERNAME": "app", "REDIS_PASSWORD_FILE": str(self.password)}


def documented_permissions() -> list[str]:
    """What ``docs/redis-protocol.md`` gives to a user of the service."""
    found = re.search(r"```acl\n(.*?)```", (_DOCUMENTS / "redis-protocol.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1].split()


def permissions_on_a_cluster() -> list[str]:
    """What ``docs/cluster.md`` adds to them, on every node."""
    text = " ".join((_DOCUMENTS / "cluster.md").read_text(encoding="utf-8").split())
    sentence = re.search(r"The permissions are [^;]*;", text)
    assert sentence is not None
    return re.findall(r"`(\+[a-z|]+)`", sentence[0])
