"""TestingServer: the handle of a testing server in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, Unpack

from oauth_auth.testing.control import Control
from oauth_auth.testing.counts import ApiRequest, Counts, TokenRequest
from oauth_auth.testing.endpoint_faults import ApiFaults, EndpointFaults
from oauth_auth.testing.settings import Settings, SettingsChanges

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["TestingServer"]

Server = TypeVar("Server", bound="TestingServer")

#: Seconds until a server that does not come up is given up.
START_TIMEOUT: Final = 60.0
#: Seconds until a server that does not stop by itself is killed.
STOP_TIMEOUT: Final = 5.0


class TestingServer:
    """An authorization server and a protected API on a free port of 127.0.0.1.

    It runs in a process of its own from construction to `stop`, or to the end of a
    ``with`` block, or to the death of this process, whatever comes first. A handle
    may be used from any thread, survives a fork, and pickles; copies in other
    processes do everything but stop it.

    People are simulated. Whoever opens the `authorization_endpoint` is sent on at
    once, logged in as the account in ``login_hint`` or else as "alice"; a device's
    login waits for `approve_device`, or until somebody opens its
    ``verification_uri_complete``.

    Args:
        settings: The fields of `oauth_auth.testing.settings.Settings`, where each is
            explained. Tokens: ``access_token_lifetime`` (seconds, 3600.0);
            ``rotation`` ("strict", "grace" or "none"); ``grace`` (seconds, 5.0);
            ``kill_old_access_tokens`` (False);
            ``issue_refresh_token_for_client_credentials`` (False); ``scope`` ("read
            write"). Logins: ``redirect_uris`` (None: https or loopback);
            ``authorization_error`` (such as "access_denied"; None);
            ``code_lifetime`` (seconds, 60.0); ``device_lifetime`` (seconds, 600.0);
            ``device_interval`` (seconds, 5.0). What answers say, true or not, where
            `ABSENT` removes a parameter: ``expires_in`` (any JSON value, `ACTUAL` or
            `ABSENT`) and ``extra`` in token responses; ``authorization_response``,
            with which ``iss`` and ``state`` become wrong; ``device_response``;
            ``metadata``; ``id_token_claims`` and ``id_token_header``. Machines:
            ``client_jwks``, ``assertion_jwks`` (public keys) and ``passwords``.

    Attributes:
        issuer: Its URL; the metadata are where RFC 8414 wants them.
        authorization_endpoint: Sends browsers on with a code; PKCE by S256 is
            demanded, and ``iss`` is in the answer (RFC 9207).
        token_endpoint: For authorization_code, client_credentials, refresh_token,
            device codes, JWTs (RFC 7523), token exchange (RFC 8693) and passwords.
        device_authorization_endpoint: RFC 8628.
        revocation_endpoint: RFC 7009.
        introspection_endpoint: RFC 7662; tells a client of its own tokens.
        jwks_uri: The key that signs ID tokens, which come with the scope "openid".
        api_url: The protected resource; it echoes requests as JSON. Paths below it
            are protected resources too.
        redirect_url: Append ``?to=URL``, and ``&status=307``, and ``&protected=1`` to
            have it want a token.
        client_id: A confidential client.
        client_secret: Its secret, of characters that are easily sent wrong.
        public_client_id: A client without a secret.
        authorization_faults: What goes wrong at the authorization endpoint.
        token_faults: What goes wrong at the token endpoint.
        device_faults: What goes wrong at the device authorization endpoint.
        revocation_faults: What goes wrong at the revocation endpoint.
        introspection_faults: What goes wrong at the introspection endpoint.
        jwks_faults: What goes wrong with the keys.
        metadata_faults: What goes wrong with the metadata.
        api_faults: What goes wrong at the API.

    Raises:
        TypeError: There is no such setting.
        ValueError: A setting cannot have that value.
        RuntimeError: The server did not start.

    Example:
        >>> with TestingServer(rotation="grace", grace=2.0) as server:
        ...     tokens = server.issue("alice")
    """

    __test__: ClassVar[bool] = False  # its name is no reason for pytest to collect it

    def __init__(self, **settings: Unpack[SettingsChanges]) -> None:
        Settings().changed(**settings)
        process, about = _start(json.dumps(settings, default=dict))
        self._set_up(about, process)

    @classmethod
    def connect(cls, issuer: str) -> Self:
        """Return a handle of a server that another process started.

        Args:
            issuer: Its `issuer`.

        Raises:
            RuntimeError: No testing server answers there.
        """
        return _attach(cls, Control(issuer).call("about"))

    def _set_up(
        self, about: dict[str, str], process: subprocess.Popen[bytes] | None
    ) -> None:
        self._about = about
        self._process = process
        self._owner = os.getpid()
        self.issuer = about["issuer"]
        self.authorization_endpoint = f"{self.issuer}/authorize"
        self.token_endpoint = f"{self.issuer}/token"
        self.device_authorization_endpoint = f"{self.issuer}/device_authorization"
        self.revocation_endpoint = f"{self.issuer}/revoke"
        self.introspection_endpoint = f"{self.issuer}/introspect"
        self.jwks_uri = f"{self.issuer}/jwks"
        self.api_url = f"{self.issuer}/api"
        self.redirect_url = f"{self.issuer}/redirect"
        self.client_id = about["client_id"]
        self.client_secret = about["client_secret"]
        self.public_client_id = about["public_client_id"]
        self._control = Control(self.issuer)
        self.authorization_faults = EndpointFaults(self._control, "authorization")
        self.token_faults = EndpointFaults(self._control, "token")
        self.device_faults = EndpointFaults(self._control, "device")
        self.introspection_faults = EndpointFaults(self._control, "introspection")
        self.jwks_faults = EndpointFaults(self._control, "jwks")
        self.api_faults = ApiFaults(self._control, "api")
        self.revocation_faults = EndpointFaults(self._control, "revocation")
        self.metadata_faults = EndpointFaults(self._control, "metadata")

    def issue(
        self,
        account: str = "alice",
        *,
        scope: str | None = None,
        client: str | None = None,
    ) -> dict[str, Any]:
        """Log somebody in, as if by browser, and return the token response.

        Every login is a family of its own. The response is true: ``expires_in`` and
        ``extra`` of the settings do not touch it.

        Args:
            account: Who logs in; the ``sub`` that the API echoes.
            scope: What is granted, space-separated; the setting by default.
            client: To which client; `client_id` by default.

        Raises:
            ValueError: There is no such client.
        """
        answer: dict[str, Any] = self._control.call(
            "issue", account=account, scope=scope, client=client or self.client_id
        )
        return answer

    def approve_device(self, user_code: str, account: str = "alice") -> None:
        """Enter the code that a device shows, and agree; its next poll gets a token.

        Args:
            user_code: The code; its case and punctuation do not count.
            account: Who logs in.

        Raises:
            ValueError: There is no such code, or it has expired.
        """
        self._control.call(
            "decide_device", user_code=user_code, account=account, error=None
        )

    def deny_device(self, user_code: str, error: str = "access_denied") -> None:
        """Enter the code that a device shows, and refuse; its next poll is told so.

        Args:
            user_code: The code; its case and punctuation do not count.
            error: The error code of the answer.

        Raises:
            ValueError: There is no such code, or it has expired.
        """
        self._control.call(
            "decide_device", user_code=user_code, account=None, error=error
        )

    def rotate_keys(self) -> None:
        """Sign ID tokens with a new key, and publish the old one no more."""
        self._control.call("rotate_keys")

    def configure(self, **settings: Unpack[SettingsChanges]) -> None:
        """Change some settings; they hold from the next request on.

        Raises:
            TypeError: There is no such setting.
            ValueError: A setting cannot have that value.
        """
        Settings().changed(**settings)
        self._control.call("configure", **settings)

    def revoke_access_tokens(self) -> None:
        """End all access tokens issued so far; the refresh tokens stay."""
        self._control.call("revoke_access_tokens")

    def revoke_family(self, token: str) -> None:
        """End the login that a token, even a spent one, comes from.

        Raises:
            ValueError: The server has not issued this token.
        """
        self._control.call("revoke_family", token=token)

    def counts(self) -> Counts:
        """Return how often what has happened."""
        return Counts.from_json(self._control.call("counts"))

    def token_log(self) -> tuple[TokenRequest, ...]:
        """Return the requests to the token endpoint, oldest first; the last 10,000."""
        return tuple(
            TokenRequest(**_tuples(entry)) for entry in self._control.call("token_log")
        )

    def api_log(self) -> tuple[ApiRequest, ...]:
        """Return the requests to the API, oldest first; the last 10,000."""
        return tuple(
            ApiRequest(**_tuples(entry)) for entry in self._control.call("api_log")
        )

    def reset_counts(self) -> None:
        """Set the counts to zero and empty the logs."""
        self._control.call("reset_counts")

    def reset(self) -> None:
        """Forget tokens, codes, faults and counts; go back to the first settings."""
        self._control.call("reset")

    def stop(self) -> None:
        """End the server; done already, or in a copy of the handle, this does nothing.

        A server that does not end by itself within 5 seconds is killed.
        """
        # What a fork copied is not ours to stop: its parent still uses the server.
        if self._process is not None and self._owner == os.getpid():
            _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"TestingServer({self.issuer!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _attach, (type(self), self._about)


def _attach(kind: type[Server], about: dict[str, str]) -> Server:
    server = kind.__new__(kind)
    server._set_up(about, None)
    return server


def _tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry.items()
    }


def _start(settings: str) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "oauth_auth.testing.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=_environment(),
    )
    watchdog = threading.Timer(START_TIMEOUT, process.kill)
    watchdog.start()
    line = b""
    try:
        assert process.stdin is not None  # noqa: S101  # for mypy: both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(settings.encode() + b"\n")
        line = process.stdout.readline()
    except BrokenPipeError:
        pass  # it has died, as the empty line says below
    finally:
        watchdog.cancel()
        if not line:
            _end(process)
    if not line:
        raise RuntimeError(
            f"the testing server did not start (exit code {process.returncode}); "
            f"its error output, if any, is above; is h11 installed for "
            f"{sys.executable}?"
        )
    about: dict[str, str] = json.loads(line)
    return process, about


def _environment() -> dict[str, str]:
    """Let the child import this very oauth_auth, installed or not."""
    import h11

    import oauth_auth

    # The standard library goes first: a user's tests/token.py must not stand in for
    # it because that directory happens to hold oauth_auth or h11 too.
    roots = [
        str(Path(os.__file__).parent),
        *(str(Path(module.__file__ or "").parents[1]) for module in (oauth_auth, h11)),
        os.environ.get("PYTHONPATH", ""),
    ]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask, wait, kill; and leave no zombie and no pipe whatever happens."""
    try:
        if process.stdin is not None:
            try:
                # Closing alone would not do: a fork of ours may hold the pipe too.
                process.stdin.write(b"stop\n")
                process.stdin.close()
            except (OSError, ValueError):
                pass  # it has ended, or another thread of ours stopped it
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
