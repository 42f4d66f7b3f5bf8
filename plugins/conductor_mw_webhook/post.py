"""Post a message over HTTP/1.1 and read the head of the answer: so long, so much, and no further.

The body of the answer is never read, and a redirect is never followed: a receiver has nothing to
say but a status.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from conductor_mw import retry_after_in

LARGEST_HEAD: Final = 16_384
_CHUNK: Final = 4_096
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r?\n|$)")
_FAILED: Final = 400
_TRY_AGAIN: Final = frozenset({408, 425, 429})
_SERVER_ERROR: Final = 500
_REDIRECT: Final = 300
_OK: Final = 200


class Result(NamedTuple):
    """What became of a message.

    Attributes:
        problem: why it was not taken; empty where it was.
        again: whether another try may help.
        retry_after: seconds that the receiver asked to wait, or None.
    """

    problem: str = ""
    again: bool = False
    retry_after: float | None = None


def post(url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Result:
    """Post a message and give what became of it, after at most about so many seconds.

    Finding out the address of a name is the system's matter and has time limits of its own.
    """
    until = time.monotonic() + seconds
    connection = _connection(url, seconds)
    try:
        connection.connect()
        _hurry(connection.sock, until)
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(headers))
        return _meaning(_head(connection.sock, until))
    except TimeoutError:
        return Result(f"no answer within {seconds:g} s", again=True)
    except ssl.SSLCertVerificationError as error:
        return Result(f"its certificate is not trusted: {error.verify_message}", again=True)
    except (OSError, http.client.HTTPException) as error:
        return Result(f"it cannot be reached: {type(error).__name__}", again=True)
    finally:
        connection.close()


def _connection(url: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=seconds)


def _head(wire: socket.socket, until: float) -> bytes:
    """Give the answer up to its body, or as much of it as is read at most.

    By hand: http.client waits anew for every byte of a receiver that drips.
    """
    head = b""
    while b"\r\n\r\n" not in head and len(head) < LARGEST_HEAD:
        _hurry(wire, until)
        more = wire.recv(_CHUNK)
        if not more:
            break
        head += more
    return head


def _hurry(wire: socket.socket, until: float) -> None:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    wire.settimeout(left)


def _meaning(head: bytes) -> Result:
    r"""Say what the head of an answer means.

    >>> _meaning(b"HTTP/1.1 204 No Content\r\n\r\n").problem
    ''
    >>> _meaning(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n")
    Result(problem='it answered 503', again=True, retry_after=7.0)
    """
    found = _STATUS.match(head)
    if found is None:
        return Result("it does not speak HTTP/1.1", again=True)
    status = int(found[1])
    if _OK <= status < _REDIRECT:
        return Result()
    if _REDIRECT <= status < _FAILED:
        return Result(f"it answered {status}, and redirects are not followed")
    again = status in _TRY_AGAIN or status >= _SERVER_ERROR or status < _OK
    return Result(f"it answered {status}", again, retry_after_in(_headers(head)) if again else None)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
