"""Logins whose token endpoint is at another URL than the server's own: at a relay."""

from oauth_auth import ClientCredentials, FileStore, OAuthAuth, RefreshToken

#: Seconds for an answer: a relay holds it until workers have started.
PATIENCE = 30.0


def login_through(url, server, path, seed, *, timeout=PATIENCE, **settings):
    """Return the auth object of a person's login at a relay's URL."""
    grant = RefreshToken(
        token_endpoint=url,
        client_id=server.client_id,
        client_secret=server.client_secret,
        refresh_token=seed,
    )
    return OAuthAuth(grant, store=FileStore(path), timeout=timeout, **settings)


def machine_through(url, server, path, seed, *, timeout=PATIENCE, **settings):
    """Return the auth object of a client without a person at a relay's URL."""
    grant = ClientCredentials(
        token_endpoint=url,
        client_id=server.client_id,
        client_secret=server.client_secret,
    )
    return OAuthAuth(grant, store=FileStore(path), timeout=timeout, **settings)
