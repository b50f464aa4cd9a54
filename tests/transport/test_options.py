"""HttpOptions as a value, and what it refuses."""

import hashlib
import logging
import pickle
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from oauth_auth.errors import ConfigurationError
from oauth_auth.transport import HttpOptions, bounded
from tests.transport.asking import post
from tests.transport.servers import answering

PROXY = "http://me:hunter2hunter2@proxy.example:3128"


def test_equal_options_are_equal():
    """Options compare and hash by what they say."""
    same = [HttpOptions("/ca.pem", ("/c", "/k"), PROXY, trust_env=False)] * 2
    assert same[0] == HttpOptions("/ca.pem", ("/c", "/k"), PROXY, trust_env=False)
    assert hash(same[0]) == hash(same[1])
    assert HttpOptions() != HttpOptions(trust_env=False)
    assert HttpOptions() != (True, None, None, True)


def test_repr_hides_the_proxys_password():
    """The repr shows what was given, without the password in the proxy's URL."""
    options = HttpOptions(verify=False, cert="/c.pem", proxy=PROXY, trust_env=False)
    assert repr(options) == (
        "HttpOptions(verify=False, cert='/c.pem', "
        "proxy='http://***@proxy.example:3128', trust_env=False)"
    )
    assert repr(HttpOptions()) == "HttpOptions()"


def test_a_proxy_without_a_scheme_is_refused_and_not_shown():
    """Nothing would tell the password in it from the rest."""
    with pytest.raises(ConfigurationError, match="with its scheme") as error:
        HttpOptions(proxy="me:hunter2hunter2@proxy.example:3128")
    assert "hunter2" not in str(error.value)


def test_options_pickle():
    """Options of plain parts go into other processes."""
    proxy = "http://proxy.example:3128"
    options = HttpOptions("/ca.pem", "/cert.pem", proxy, trust_env=False)
    assert pickle.loads(pickle.dumps(options)) == options


def test_context_and_certificate_are_refused():
    """A client certificate would change an SSLContext that others use."""
    with pytest.raises(ConfigurationError, match="load_cert_chain"):
        HttpOptions(ssl.create_default_context(), cert="/cert.pem")


@pytest.mark.parametrize(
    "options",
    [
        HttpOptions(verify="/nowhere/x.pem"),
        HttpOptions(cert="/nowhere/x.pem"),
        HttpOptions(cert=(__file__, "/nowhere/x.pem")),
    ],
)
def test_missing_file_is_named(options):
    """A mistyped path is a mistake of the caller, not of the network."""
    with pytest.raises(ConfigurationError, match=r"/nowhere/x\.pem"):
        post("http://127.0.0.1:1/t", "httpx", options)


@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2"])
def test_directory_of_cas(serve, certificate, tmp_path, library):
    """verify= may be a directory of CA certificates, named by their hashes."""
    server = serve(answering(), tls=certificate.server_context())
    link = tmp_path / f"{subject_hash(certificate.path)}.0"
    link.symlink_to(certificate.path)
    assert post(server.url, library, HttpOptions(str(tmp_path))).status == 200


def subject_hash(path):
    """Return what OpenSSL calls a CA's file in a directory (X509_NAME_hash)."""
    certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
    # The DER of the name without its two bytes of SEQUENCE header.
    digest = hashlib.sha1(certificate.subject.public_bytes()[2:]).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def test_verify_false_is_said_once(serve, caplog, monkeypatch):
    """That nothing is verified is said at WARNING, once in a process."""
    monkeypatch.setattr(bounded, "_said", set())
    caplog.set_level(logging.WARNING)
    server = serve(answering())
    for _ in range(2):
        post(server.url, "httpx", HttpOptions(verify=False))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "verify=False" in record.message
