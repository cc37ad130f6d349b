"""TLS to a Kubeflow Pipelines server, with an authority of one's own."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kfp_witness import Connect, Witness, witness

from airflow_mljobs.hooks.kfp_errors import KFPUnreachable


class Identity(NamedTuple):
    """A certificate that vouches for itself, and its key, as files."""

    certificate: str
    key: str


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """An identity of this machine."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Identity(certificate=str(folder / "cert.pem"), key=str(folder / "key.pem"))


@pytest.fixture(params=[False, True], ids=["server", "both"])
def secure(request: pytest.FixtureRequest, identity: Identity) -> Iterator[Witness]:
    """A server behind TLS, which may want to see the client's certificate too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    if request.param:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(identity.certificate)
    with witness(context) as found:
        yield found


def test_certificates_of_ones_own(secure: Witness, connect: Connect, identity: Identity) -> None:
    """With the authority, and a certificate for the client, the server is spoken to."""
    mine = {"cert_file": identity.certificate, "key_file": identity.key}
    connect(host=secure.url, ssl_ca_cert=identity.certificate, **mine).get_run("r")
    assert len(secure.seen) == 1


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_no_check_when_told_so(secure: Witness, connect: Connect, identity: Identity) -> None:
    """The server's certificate is not looked at when the connection says so."""
    mine = {"cert_file": identity.certificate, "key_file": identity.key}
    connect(host=secure.url, verify_ssl=False, **mine).get_run("r")
    assert len(secure.seen) == 1


def test_an_unknown_authority_is_refused(secure: Witness, connect: Connect) -> None:
    """Nothing is sent to a server whose certificate nobody vouches for, and the error says so."""
    with pytest.raises(KFPUnreachable, match="CERTIFICATE_VERIFY_FAILED") as raised:
        connect(host=secure.url).get_run("r")
    assert (raised.value.sent, secure.seen) == (False, [])
