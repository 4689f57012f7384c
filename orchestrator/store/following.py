"""A pool whose connections follow the primary that sentinels name.

Owns what happens to connections when the primary moves: all of them follow, so that one process never writes to two.
Which answer of which sentinel counts is :mod:`orchestrator.store.sentinels`' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator.store.client import Pool, connection_options, credentials, translated
from orchestrator.store.sentinels import FollowingConnection, FollowingTlsConnection, Sentinels

if TYPE_CHECKING:
    from orchestrator.contract.address import Address, Node
    from orchestrator.store.client import Login

_OF_THE_SERVER: Final = {"username", "password", "credential_provider", "db", "connection_class"}
"""What a sentinel is not told."""


class SentinelPool(Pool):
    """Connections to the primary that sentinels name, each of which asks them when it is made.

    Attributes:
        sentinels: who is asked.
        primary: where the last connection that was made leads; None before the first.
    """

    def __init__(self, sentinels: Sentinels, **options: Any) -> None:
        self.sentinels = sentinels
        self.primary: Node | None = None
        super().__init__(**options, sentinels=sentinels, reached=self._reached)

    def look(self) -> Node:
        """Where the primary is by now; if that is elsewhere, connections are made anew before their next use.

        Nothing else would tell us of a primary that only we still reach: it would take our writes, and lose them. The
        sentinel that we trust may be on its side, so all are asked.

        Raises:
            StoreError: the sentinels do not say.
        """
        with translated():
            node = self.sentinels.find(everyone=True)
        if self.primary not in {None, node}:
            self.renew()
        return node

    def _reached(self, connection: FollowingConnection, node: Node) -> None:
        before, self.primary = self.primary, node
        if before not in {None, node}:
            # One process must not write to two primaries: the old one may still answer on the other connections.
            self.renew()
            self._outdated.discard(connection)


def sentinel_pool(address: Address, *, timeout_s: float, login: Login, **bounds: Any) -> SentinelPool:
    """A pool for the primary that the sentinels at *address* name; *bounds* are the library's own."""
    options = connection_options(address, timeout_s=timeout_s, login=login)
    theirs = {name: value for name, value in options.items() if name not in _OF_THE_SERVER}
    theirs |= credentials(
        login.sentinel_username,
        login.sentinel_password,
        login.sentinel_password_file,
        "REDIS_SENTINEL_PASSWORD_FILE",
    )
    sentinels = Sentinels(address.nodes, address.service, theirs, tls=address.tls, timeout_s=timeout_s)
    options["connection_class"] = FollowingTlsConnection if address.tls else FollowingConnection
    return SentinelPool(sentinels, **options, **bounds)
