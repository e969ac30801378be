"""Which addresses are asked at all: a model's URL must not lead to where clouds keep their credentials."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from clarify.errors import ConfigError, Problem

_REFUSED_NETWORKS = tuple(ipaddress.ip_network(n) for n in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"))


def checked_address(url: str) -> SplitResult:
    """The parts of an http(s) URL whose host is not a link-local (cloud metadata) address.

    Raises
    ------
    ConfigError
        ENDPOINT-ADDRESS.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise refused_address(url, "only http and https addresses are asked")
    try:
        port = parts.port
    except ValueError as error:
        raise refused_address(url, str(error)) from error
    if parts.username or parts.password:
        raise refused_address(parts.hostname, "an address may not hold a user name or a password")
    for address in _resolved(parts.hostname, port):
        if is_refused(address):
            raise refused_address(url, f"{parts.hostname} is {address}, where clouds keep their credentials")
    return parts


def is_refused(address: str) -> bool:
    """Whether an IP address is link-local, in any of its spellings."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    return any(ip in network for network in _REFUSED_NETWORKS if network.version == ip.version)


def _resolved(host: str, port: int | None) -> list[str]:
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port or 80, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []                            # not a name now; the request itself will say so, and may be tried again


def refused_address(url: str, hint: str) -> ConfigError:
    """ENDPOINT-ADDRESS, with the reason."""
    return ConfigError(
        Problem("ENDPOINT-ADDRESS", "endpoint.url", url, "http(s)://host[:port][/path], not a link-local host", hint)
    )
