"""That nothing which is written down has a secret in it, or a piece of one."""

import traceback
from pathlib import Path

import oauth_auth
from oauth_auth import errors
from tests.http_clients.api import unauthorized
from tests.http_clients.failures import closed_port
from tests.http_clients.logins import use_up

PACKAGE = str(Path(oauth_auth.__file__).parent)


def pieces(secret):
    """Return all the parts of eight characters."""
    return {secret[i : i + 8] for i in range(len(secret) - 7)}


def assert_untold(text, secrets):
    """Let no piece of any secret be in a text."""
    for secret in secrets:
        found = [piece for piece in pieces(secret) if piece in text]
        assert not found


def told_by(error):
    """Return what an error, its causes and the frames of our package tell."""
    told = [repr(error), str(error), repr(vars(error))]
    while error is not None:
        told += traceback.format_exception_only(error)
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(PACKAGE):
                told += [repr(value) for value in frame.f_locals.values()]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


class SecrecyTests:
    """No client's flows tell a secret."""

    def test_no_flow_tells_a_secret(self, driver, server, login, api, log):
        """Log, errors, reprs and our frames hold no piece of a secret. M66, law 10."""
        secrets = {server.client_secret}
        told = []

        def flow(auth, url, *script):
            api.script = list(script)
            remember(auth)
            try:
                driver.get(auth, url, follow=True)
            except errors.OAuthAuthError as error:
                told.append(told_by(error))
            remember(auth)
            told.extend((repr(auth), str(auth), repr(auth._grant)))

        def remember(auth):
            held = auth._resolved().look()
            seed = auth._grant.seed
            for token in (seed, held.token if held else seed):
                secrets.update(filter(None, (token.access_token, token.refresh_token)))
                told.append(repr(token))

        auth = login()
        flow(auth, api.url)
        flow(auth, api.url, unauthorized())
        use_up(auth)
        flow(auth, server.api_url)
        server.revoke_family(auth.token().refresh_token)
        flow(auth, server.api_url)
        unreachable = f"http://127.0.0.1:{closed_port()}/token"
        flow(login(token_endpoint=unreachable, expired=True), api.url)
        flow(login(token_endpoint=unreachable), api.url, unauthorized())
        server.configure(extra={"token_type": "mac"})
        flow(login(), server.api_url, unauthorized())
        flow(login(expired=True), api.url)
        flow(login(), api.url, unauthorized())
        text = "\n".join([*told, *log])
        assert "renewed: " in text
        assert "LoginRequired" in text
        assert "EndpointUnreachable" in text
        assert "UnsupportedTokenTypeError" in text
        assert len(secrets) > 12
        assert_untold(text, secrets)
