"""django-oauth-toolkit, an authorization server made of Django and oauthlib."""

import contextlib
import subprocess
import sys
import typing
from pathlib import Path

from tests.servers.processes import serving, unavailable
from tests.surroundings import without_ours

HOME = Path(__file__).parent / "django_oauth_toolkit"
#: It needs an oauthlib of its own.
ENVIRONMENT = HOME / ".venv"
INSTALL_SECONDS = 300
SECRET = "a+b:c%20&d=~e"


class Toolkit(typing.NamedTuple):
    """A running server: where its endpoints are.

    Its clients are ``web`` and ``native`` (authorization code), ``service`` (client
    credentials), ``tv`` and ``tv-web`` (device); those of native and tv are public.
    """

    issuer: str
    #: Seconds that an access token lives.
    access_ttl: int

    @property
    def device_authorization_endpoint(self):
        """The one that none of its metadata names."""
        return f"{self.issuer}/device-authorization/"

    @property
    def resource(self):
        """A protected resource that answers 401, and names who logged in."""
        return f"{self.issuer.removesuffix('/o')}/api/"

    @property
    def plain_resource(self):
        """One that answers a bare 403 in place of a 401."""
        return f"{self.resource}plain/"


@contextlib.contextmanager
def running(log, *, access_ttl=3, grace=0):
    """Serves while the context is open; yields a `Toolkit`.

    Args:
        log: The file for its complaints.
        access_ttl: Seconds that an access token lives.
        grace: Seconds in which a spent refresh token brings the same answer again.
    """
    settings = {"ACCESS_TTL": str(access_ttl), "GRACE": str(grace)}
    with serving([_python(), "server.py"], HOME, log, settings) as issuer:
        yield Toolkit(issuer, access_ttl)


def _python():
    """The server's own interpreter, once its packages are installed."""
    python = ENVIRONMENT / "bin" / "python"
    # Written last, so an interrupted installation does not count.
    ready = ENVIRONMENT / "ready"
    if not ready.exists():
        for command in (
            [sys.executable, "-m", "venv", "--clear", ENVIRONMENT],
            [python, "-m", "pip", "install", "-r", HOME / "requirements.txt"],
        ):
            done = subprocess.run(
                command,
                env=without_ours(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
            if done.returncode:
                unavailable(f"{ENVIRONMENT} could not be made: {done.stdout}")
        ready.touch()
    return str(python)
