"""The pytest plugin, and that it costs those nothing who do not use it."""

import os
import subprocess
import sys
import textwrap

import pytest

import oauth_auth.testing
from oauth_auth.testing import TestingServer
from tests.testing.talk import call, refresh


def test_plugin_imports_pytest_alone():
    """Loading the plugin loads no other module than itself and its packages."""
    source = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import oauth_auth.testing.plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [
        "oauth_auth",
        "oauth_auth.testing",
        "oauth_auth.testing.plugin",
    ]


def test_oauth_server(oauth_server):
    """The fixture is a running server that rotates and punishes reuse."""
    tokens = oauth_server.issue()
    assert tokens["expires_in"] == 3600
    assert refresh(oauth_server, tokens).status_code == 200
    assert refresh(oauth_server, tokens).status_code == 400
    assert oauth_server.counts().families_revoked == 1


def test_oauth_server_factory(oauth_server_factory):
    """Each call gives another server, with settings of its own."""
    short = oauth_server_factory(access_token_lifetime=0.0)
    long = oauth_server_factory()
    assert call(short, short.issue()).status_code == 401
    assert call(long, long.issue()).status_code == 200


def test_fixtures_stop_their_servers(tmp_path):
    """In a user's own test run the fixtures are there, and clean up behind them."""
    (tmp_path / "test_it.py").write_text(
        "def test_it(oauth_server, oauth_server_factory):\n"
        "    issuers = oauth_server.issuer, oauth_server_factory().issuer\n"
        "    open('issuers', 'w').write(' '.join(issuers))\n"
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        check=True,
        capture_output=True,
    )
    issuers = (tmp_path / "issuers").read_text().split()
    assert len(issuers) == 2
    for issuer in issuers:
        with pytest.raises(RuntimeError, match="no testing server"):
            TestingServer.connect(issuer)


def test_example():
    """The example in the package's docstring runs as it stands."""
    text = oauth_auth.testing.__doc__
    example = text[text.index("    import requests") : text.index("In pytest")]
    names = {}
    exec(textwrap.dedent(example), names)
    assert names["counts"].refreshes_granted == 1


def test_all_names_are_there():
    """Every public name can be imported, and is listed in order."""
    names = oauth_auth.testing.__all__
    assert names == sorted(names)
    for name in names:
        assert getattr(oauth_auth.testing, name) is not None
        assert name in dir(oauth_auth.testing)


def test_other_names_are_not():
    """A name that does not exist is an AttributeError that names the module."""
    with pytest.raises(AttributeError, match=r"oauth_auth\.testing.*nonsense"):
        oauth_auth.testing.nonsense  # noqa: B018  # reading it is the test
