"""What httpx and httpx2 load once for all exchanges: the CAs."""

import ssl
from pathlib import Path

import httpx
import httpx2
import pytest

from oauth_auth.transport import HttpOptions, httpx_family
from tests.transport.asking import post, refused
from tests.transport.servers import answering, make_certificate


@pytest.fixture(params=[httpx, httpx2])
def module(request, monkeypatch):
    monkeypatch.setattr(httpx_family, "_contexts", {})
    return request.param


def context(module, **options):
    return httpx_family._context(module, HttpOptions(**options))


def test_the_cas_are_loaded_once(module, certificate):
    """To load them takes 20 ms of the processor, and holds up event loops."""
    usual, own = context(module), context(module, verify=certificate.path)
    assert context(module) is usual
    assert context(module, verify=certificate.path) is own
    assert usual is not own
    assert context(module, trust_env=False) is not usual
    assert context(httpx2 if module is httpx else httpx) is not usual


def test_what_the_environment_names_now_counts(module, serve, certificate, monkeypatch):
    """Where it is trusted, and from the next exchange on."""
    server = serve(answering(), tls=certificate.server_context())
    name = module.__name__
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert refused(server.url, name).outcome_unknown is False
    monkeypatch.setenv("SSL_CERT_FILE", certificate.path)
    assert post(server.url, name).status == 200
    http = HttpOptions(trust_env=False)
    assert refused(server.url, name, http).outcome_unknown is False
    monkeypatch.delenv("SSL_CERT_FILE")
    assert refused(server.url, name).outcome_unknown is False


def test_what_is_changed_or_checks_nothing_is_not_kept(module, certificate):
    """A client certificate belongs to those who were given it."""
    files = {"verify": certificate.path, "cert": (certificate.path, certificate.key)}
    shown = context(module, **files)
    assert context(module, **files) is not shown
    assert context(module, verify=certificate.path) is not shown
    lax = context(module, verify=False)
    assert lax.verify_mode is ssl.CERT_NONE
    assert context(module).verify_mode is ssl.CERT_REQUIRED
    own = ssl.create_default_context()
    assert context(module, verify=own) is own
    assert own not in httpx_family._contexts.values()


def test_no_more_are_kept_than_a_program_needs(module, tmp_path):
    """A program may name another file each time."""
    text = Path(make_certificate(tmp_path).path).read_bytes()
    for number in range(40):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(text)
        context(module, verify=str(path))
        assert 0 < len(httpx_family._contexts) <= httpx_family._CONTEXTS_KEPT
