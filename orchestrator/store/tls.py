"""Connections over TLS whose socket is closed, too, where the peer was gone before the handshake.

Source: CPython's ``SSLSocket`` takes the descriptor over first and asks then whether there is a peer. If the peer has
reset the connection by then, it raises and leaves the descriptor to the collector. redis-py cannot close it: nobody
gave it that socket.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from redis.connection import SSLConnection

if TYPE_CHECKING:
    import socket


class _Socket(ssl.SSLSocket):
    """One that closes itself once it finds no peer."""

    def getpeername(self) -> Any:
        try:
            return super().getpeername()
        except OSError:
            self.close()
            # Without a number: at ENOTCONN the library would go on with a socket that leads nowhere.
            raise ConnectionResetError("the peer closed the connection before the TLS handshake") from None


class TlsConnection(SSLConnection):
    """As redis-py's, for the options that an address may have."""

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        context = ssl.create_default_context()
        context.sslsocket_class = _Socket
        context.check_hostname = self.check_hostname
        context.verify_mode = self.cert_reqs
        # At every connect, as redis-py does: a certificate that was rotated is used without a restart.
        if self.certfile or self.keyfile:
            context.load_cert_chain(self.certfile, self.keyfile, self.certificate_password)
        if self.ca_certs or self.ca_path:
            context.load_verify_locations(self.ca_certs, self.ca_path)
        return context.wrap_socket(sock, server_hostname=self.host)
