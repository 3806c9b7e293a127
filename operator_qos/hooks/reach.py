"""Where a call may go: addresses that sellers write must not lead into the operator's own network.

The name is looked up once and the connection goes to the very number that was looked at, so that a name cannot point
elsewhere between the look and the call.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

TIMEOUT_SECONDS = 10


class UnreachableError(OSError):
    """An address that is not called; the text says why."""


@dataclass(frozen=True)
class Reach:
    """How far a call may go: `is_guarded` to public addresses only, save the hosts in `trusted`."""

    is_guarded: bool
    trusted: Collection[str] = ()

    def connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        """A connection, opened at the first request. Raises UnreachableError, OSError."""
        if not self.is_guarded or host in self.trusted:
            return _connect(scheme, host, port, host)
        if scheme != "https":
            raise UnreachableError("only https is called")
        return _connect(scheme, host, port, find_public_number(host, port or 443))


def find_public_number(host: str, port: int) -> str:
    """The number a name leads to. Raises UnreachableError where any of its numbers is not public."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not found or not all(is_public(number) for number in found):
        raise UnreachableError(f"{host} does not lead to a public address")
    return found[0]


def is_public(number: str) -> bool:
    """Whether a number belongs to the open internet: not to this machine, a private network or a special use."""
    try:
        address = ipaddress.ip_address(number.partition("%")[0])
    except ValueError:
        return False
    inner = _find_inner(address)
    return address.is_global and not address.is_multicast and (inner is None or inner.is_global)


def _find_inner(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 number that an IPv6 one stands for: mapped, 6to4, or translated (64:ff9b::/96)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    translated = address in ipaddress.ip_network("64:ff9b::/96")
    return address.ipv4_mapped or address.sixtofour or (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
                                                        if translated else None)


def cut(connection: http.client.HTTPConnection) -> None:
    """End a call from another thread, whatever it waits for."""
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def _connect(scheme: str, host: str, port: int | None, number: str) -> http.client.HTTPConnection:
    if scheme == "https":
        return _Pinned(host, port, number)
    return http.client.HTTPConnection(number, port, timeout=TIMEOUT_SECONDS)


class _Pinned(http.client.HTTPSConnection):
    """HTTPS to a number, with the certificate and the Host of the name."""

    def __init__(self, host: str, port: int | None, number: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        self._number, self._tls = number, ssl.create_default_context()

    def connect(self) -> None:
        """Open the connection to the number."""
        plain = socket.create_connection((self._number, self.port), TIMEOUT_SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
