"""What of Google's is asked for tokens, on this machine: a key that is nobody's, and hosts of its own."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kfp_witness import Answer, Witness, witness

from certificate import write_certificate

ACCOUNT = "robot@project-of-key.iam.gserviceaccount.com"
IAM = "iamcredentials.googleapis.com"
TOKEN = Answer(body='{"access_token": "token-of-key", "expires_in": 3600}')
ANOTHER = {"accessToken": "token-of-another", "expireTime": "2100-01-01T00:00:00Z"}
ANYWHERE = {"encodedLocations": "0x0", "locations": []}
"""What is told, to whoever asks in the background, of where an account may be used from."""


def new_key(token_uri: str) -> dict[str, str]:
    """Make the key of a service account, which gets its tokens from there."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "project-of-key",
        "client_email": ACCOUNT,
        "private_key": key.decode(),
        "token_uri": token_uri,
    }


@contextmanager
def iam(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Witness]:
    """Answer for the service that impersonates: through a proxy, with a certificate that is trusted.

    :param folder: for the certificate.
    :param patch: of the environment, in which clients find both.
    """
    certificate, key = write_certificate(folder, hosts=[IAM])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with witness(context) as found, _tunnel(int(found.url.rpartition(":")[2])) as proxy:
        found.answers = [Answer(body=json.dumps(ANOTHER | ANYWHERE))]
        patch.setenv("HTTPS_PROXY", proxy)
        patch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        yield found


@contextmanager
def _tunnel(port: int) -> Iterator[str]:
    """Run a proxy that leads to one port of this machine, whichever host is asked for."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            with socket.create_connection(("127.0.0.1", port)) as there, suppress(OSError):
                self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pour, args=(there, self.connection))
                back.start()
                _pour(self.connection, there)
                back.join()

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def claims_of(body: str) -> dict[str, str]:
    """Read what a request for a token asserts."""
    payload = parse_qs(body)["assertion"][0].split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
