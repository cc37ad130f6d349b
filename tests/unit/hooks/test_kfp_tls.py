"""TLS to a Kubeflow Pipelines server, with an authority of one's own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from kfp_witness import Connect, Witness, witness

from airflow_mljobs.hooks.kfp_errors import KFPUnreachable
from certificate import write_certificate


class Identity(NamedTuple):
    """A certificate that vouches for itself, and its key, as files."""

    certificate: str
    key: str


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """An identity of this machine."""
    certificate, key = write_certificate(tmp_path_factory.mktemp("tls"), hosts=["127.0.0.1"])
    return Identity(certificate=str(certificate), key=str(key))


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
