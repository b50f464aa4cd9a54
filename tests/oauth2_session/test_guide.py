"""A guide's script with one import changed, alone and in eight copies at once."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from oauth_auth.testing import TestingServer
from tests.login.people import follow
from tests.servers import browser
from tests.servers.oidc import OidcProvider

GUIDE = Path(__file__).parent / "guide.py"
ROOT = Path(__file__).parents[2]
COPIES = 8
LIMIT = 120


class Script:
    """The script, and what it runs against."""

    def __init__(self, directory, home, **environment):
        text = GUIDE.read_text("utf-8")
        changed = text.replace(
            "from requests_oauthlib import", "from oauth_auth import"
        )
        assert changed != text
        self._path = directory / "script.py"
        self._path.write_text(changed, "utf-8")
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OAUTH_AUTH_HOME": str(home),
            "ENCRYPTION_KEY": Fernet.generate_key().decode(),
            "TOKEN_FILE": str(directory / "token"),
            **environment,
        }
        self.token_file = directory / "token"

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, str(self._path), *arguments],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stored_token(self):
        """Return what the script has saved last."""
        cipher = Fernet(self._environment["ENCRYPTION_KEY"])
        return ast.literal_eval(cipher.decrypt(self.token_file.read_bytes()).decode())

    def login(self, visit):
        """Have a person log in with a browser."""
        with self.start("login") as process:
            url = process.stdout.readline().strip()
            _, errors = process.communicate(visit(url), timeout=LIMIT)
        assert process.returncode == 0, errors

    def work(self, *, copies, tokens):
        """Return what some copies say, after each was given some new tokens."""
        running = [self.start("work", str(tokens)) for _ in range(copies)]
        said = []
        for process in running:
            out, errors = process.communicate(timeout=LIMIT)
            said.append(out.strip() or errors)
        return said


@pytest.fixture(scope="module")
def short_lived():
    """A server whose tokens live for a second, and whose reuse is punished."""
    with TestingServer(access_token_lifetime=1.0, rotation="strict") as server:
        yield server


def test_against_the_testing_server(short_lived, tmp_path, home):
    """Login, renewals and savers work; then eight copies share the login."""
    short_lived.reset()
    short_lived.configure(access_token_lifetime=1.0, rotation="strict")
    script = Script(
        tmp_path,
        home,
        CLIENT_ID=short_lived.client_id,
        CLIENT_SECRET=short_lived.client_secret,
        AUTHORIZATION_URL=short_lived.authorization_endpoint,
        TOKEN_URL=short_lived.token_endpoint,
        API_URL=short_lived.api_url,
        SCOPE="read write",
    )
    script.login(follow)
    assert b"access_token" not in script.token_file.read_bytes()
    assert script.work(copies=1, tokens=2) == ["True 0 failed"]
    assert script.work(copies=COPIES, tokens=3) == ["True 0 failed"] * COPIES
    counts = short_lived.counts()
    assert counts.reuse_detected == counts.families_revoked == 0
    # A copy that starts again with what was saved last goes on.
    assert script.work(copies=1, tokens=1) == ["True 0 failed"]
    # Only the server ends the login, and then a person begins a new one.
    short_lived.revoke_family(script.stored_token()["refresh_token"])
    ended = "Token expired, please log in again\nTrue 1 failed"
    assert script.work(copies=1, tokens=1) == [ended]
    script.login(follow)
    assert script.work(copies=1, tokens=1) == ["True 0 failed"]


def test_against_oidc_provider(oidc_provider, tmp_path, home):
    """Copies share one at a certified server, which ends a login at the first reuse."""
    script = Script(
        tmp_path,
        home,
        CLIENT_ID=OidcProvider.native.client_id,
        AUTHORIZATION_URL=oidc_provider.metadata["authorization_endpoint"],
        TOKEN_URL=oidc_provider.token_endpoint,
        API_URL=oidc_provider.resource,
        SCOPE="openid offline_access read",
    )
    script.login(browser.visit)
    assert script.work(copies=4, tokens=2) == ["True 0 failed"] * 4
