"""The end of the certificate that people see, asked of a real TLS server."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.ingest.certificate import NO_HTTPS, REFUSED, certificate_ends

DAYS = 3


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[str]:
    certificate, key = tmp_path / "localhost.pem", tmp_path / "localhost.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", str(DAYS), "-subj", "/CN=localhost"]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "localhost", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}"


async def test_end_of_a_good_certificate(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    assert await certificate_ends(site) == pytest.approx(time.time() + DAYS * 86400, abs=120)


async def test_certificate_that_clients_refuse(site: str) -> None:
    assert await certificate_ends(site) == REFUSED


async def test_address_without_https() -> None:
    assert await certificate_ends("http://127.0.0.1:8000") == NO_HTTPS
