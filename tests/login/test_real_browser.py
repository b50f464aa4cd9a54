"""A person logs in with a real browser, and worker processes go on with that."""

import os
import shlex
import sys

import pytest

from oauth_auth import OAuthAuth
from tests.cli.processes import started
from tests.login import chromium
from tests.processes.workers import run_steadily
from tests.servers.processes import unavailable

LIVES = 3


@pytest.fixture
def log_in(oidc_provider, tmp_path, monkeypatch):
    """Return a function that runs `oauth-auth login`, with a browser that answers."""
    if chromium.executable() is None:
        unavailable("there is no chromium on PATH; install Debian's package chromium")
    monkeypatch.setenv("OAUTH_AUTH_HOME", str(tmp_path / "home"))
    options = [
        *("--issuer", oidc_provider.issuer, "--client-id", "native"),
        *("--scope", "openid offline_access read", "--param", "prompt=consent"),
        *("--redirect-uri", "http://127.0.0.1/callback"),
    ]

    def run(answer):
        command = [sys.executable, "-m", "tests.login.chromium", tmp_path, answer]
        browser = f"{shlex.join(map(str, command))} %s"
        with started(tmp_path, "login", "work", *options, BROWSER=browser) as process:
            _, said = process.communicate(timeout=200)
        shown = {
            name: (tmp_path / f"page.{name}").read_text("utf-8")
            for name in ("txt", "url")
        }
        return process.returncode, said, shown

    return run


def from_profile(_server, _path, _seed, **settings):
    """Return what every script on this machine can say now."""
    return OAuthAuth("work", **settings)


class Site:
    """What a worker needs to know of the server."""

    def __init__(self, provider):
        self.resource = provider.resource


def test_workers_use_what_a_person_agreed_to(log_in, oidc_provider, tmp_path):
    """One login by `oauth-auth login`; then four processes over three lives. M98."""
    code, said, shown = log_in("agree")
    assert code == 0, said
    assert "You are logged in" in shown["txt"]
    assert "code=" not in shown["url"]
    assert "state=" not in shown["url"]
    outcomes = run_steadily(
        from_profile,
        Site(oidc_provider),
        tmp_path,
        None,
        processes=4,
        generation=1 + LIVES,
    )
    assert set(outcomes) == {200}
    assert os.environ["OAUTH_AUTH_HOME"] == str(tmp_path / "home")


def test_a_person_who_refuses(log_in):
    """The browser ends at a page that says so, and the command tells its caller."""
    code, said, shown = log_in("refuse")
    assert code == 5, said
    assert "Traceback" not in said
    assert "code=" not in shown["url"]
    assert "Access was refused" in shown["txt"]
