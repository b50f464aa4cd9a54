"""That nothing which is written down has a secret in it, or a piece of one."""

from oauth_auth import errors
from tests.http_clients.api import unauthorized
from tests.http_clients.failures import closed_port
from tests.http_clients.logins import use_up
from tests.secrecy.pieces import assert_untold
from tests.secrecy.told import told_by_error


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
                told.extend(text for text, _ in told_by_error(error))
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
        assert server.client_secret not in text
        assert_untold(text, secrets)
