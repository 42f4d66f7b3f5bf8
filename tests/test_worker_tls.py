"""Workers behind TLS: a certificate that nobody trusts, or that is another host's, is refused."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.worker_servers import Said, Server

x509 = pytest.importorskip("cryptography.x509")
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")

ASK = """
import asyncio, sys
from conductor_mw import Conductor, Failure
c = Conductor.from_text(
    f"agents: [{{id: w, worker: '{sys.argv[1]}', timeout: 10s}}]\\nrouting: {{default: w}}"
)
async def twice():
    return [(await c.acall("x")).text for _ in range(2)]
try:
    print(c.call("x").text, c.call("x").text, *asyncio.run(twice()))
except Failure as failure:
    print(failure.kind, failure)
"""


def certificate(folder: Path, host: str) -> Path:
    """Write a certificate that this host signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "worker")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    path = folder / f"{host}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def asked(served: Path, trusted: Path) -> tuple[str, Server]:
    """Ask a worker that shows one certificate, from a process that trusts another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    with Server(Said(body={"output": "ok"}), tls=context) as server:
        result = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", ASK, server.url],
            env={"SSL_CERT_FILE": str(trusted)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert "Warning" not in result.stderr
    return result.stdout.strip(), server


def test_a_worker_behind_tls_answers_and_keeps_its_connections(tmp_path: Path) -> None:
    path = certificate(tmp_path, "127.0.0.1")

    said, server = asked(path, path)

    assert said == "ok ok ok ok"
    assert len({one.port for one in server.asked}) == 2  # one of the thread, one of the loop


def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    served, trusted = certificate(tmp_path, "127.0.0.1"), certificate(tmp_path, "127.0.0.2")

    said, server = asked(served, trusted)

    assert said.startswith("connection worker 'w' could not be reached: ")
    assert "certificate verify failed" in said
    assert server.asked == []


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    path = certificate(tmp_path, "127.0.0.2")

    said, server = asked(path, path)

    assert "certificate is not valid for '127.0.0.1'" in said
    assert server.asked == []
