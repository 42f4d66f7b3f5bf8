"""Where a worker may be: on this computer, or at an address that the policy lists."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

from conductor_mw.errors import ConductorError

LONGEST: Final = 2_000
"""Characters of a URL."""

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """What decides whether a call may go there; a path does not.

    >>> str(address_of("https://score.example.com/v1"))
    'https://score.example.com'
    """

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether it is this computer."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def address_of(url: str) -> Address:
    """Give where a URL leads.

    Raises:
        ConductorError: it is no URL that a worker may have. The message does not repeat it, since a
            password may stand in it.
    """
    if len(url) > LONGEST or not url.isascii() or any(not "!" <= letter <= "~" for letter in url):
        raise _refused("an address has no spaces, no letters beyond ASCII, and at most 2,000 signs")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("this is no address") from None
    if parts.scheme not in _PORTS or not parts.hostname or "\\" in url:
        raise _refused("this is no address")
    if "@" in parts.netloc:
        raise _refused("an address holds no user and no password")
    if parts.fragment:
        raise _refused("an address of a worker has nothing behind a '#'")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:  # it would come up again, as no failure of anybody, when the name is asked
        raise _refused("a part of the host's name is empty or longer than 63 letters") from None
    if port == 0:
        raise _refused("port 0 leads nowhere")
    return Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])


def listed(entry: str) -> Address:
    """Give what an entry of the policy's `addresses:` allows.

    Raises:
        ConductorError: it is no address, or more than scheme, host and port.
    """
    address = address_of(entry)
    if urlsplit(entry).path not in ("", "/") or "?" in entry:
        raise ConductorError(
            "an entry is scheme, host and port, without a path", mend=f"write {address}"
        )
    return address


def allows(allowed: Collection[Address], address: Address) -> bool:
    """Whether a policy that lists `allowed` lets a worker be at `address`."""
    return address.is_loopback or address in allowed


def followed(allowed: Collection[Address], url: str, location: str) -> str:
    """Give the URL that a worker named as the place of its result.

    A worker names places on its own address, or listed ones. This computer is not enough: another
    computer's worker could else have us read whatever listens here.

    Args:
        allowed: what the policy lists.
        url: whom the worker was asked at.
        location: what it answered, absolute or relative.

    Raises:
        ConductorError: it leads elsewhere.
    """
    try:
        target = urljoin(url, location[: LONGEST + 1])
    except ValueError:
        raise _refused("this is no address") from None
    address = address_of(target)
    if address != address_of(url) and address not in allowed:
        raise ConductorError("the worker names a place that the policy does not list")
    return target


def _refused(problem: str) -> ConductorError:
    return ConductorError(problem, mend="write https://host/path")
