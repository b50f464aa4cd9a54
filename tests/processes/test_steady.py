"""Worker processes over many lives of a token."""

import pytest

from oauth_auth import FileStore, OAuthAuth, RefreshToken
from tests.processes.workers import login, run_steadily


def test_workers_go_through_many_expiries(oauth_server_factory, tmp_path):
    """Four processes, tokens of one second, reuse punished: not one request fails.

    M02.
    """
    server = oauth_server_factory(access_token_lifetime=1.0)
    seed = server.issue()["refresh_token"]
    outcomes = run_steadily(login, server, tmp_path, seed, processes=4, generation=7)
    assert set(outcomes) == {200}
    counts = server.counts()
    assert counts.reuse_detected == counts.families_revoked == 0
    assert counts.refreshes_granted == counts.token_requests


def test_an_outage_shorter_than_the_stale_window_is_not_noticed(
    oauth_server_factory, tmp_path
):
    """With the token endpoint down for less than a fifth of a life nothing fails."""
    server = oauth_server_factory(access_token_lifetime=10.0)
    seed = server.issue()["refresh_token"]
    login(server, tmp_path, seed).token()
    server.token_faults.answer(503, times=1)
    outcomes = run_steadily(login, server, tmp_path, seed, processes=2, generation=3)
    assert set(outcomes) == {200}
    counts = server.counts()
    assert counts.api_unauthorized == counts.families_revoked == 0
    assert counts.token_requests == 3


def oidc_login(server, path, seed, **settings):
    """Return the auth object for oidc-provider's public client."""
    grant = RefreshToken(
        server.issuer, client_id=server.native.client_id, refresh_token=seed
    )
    return OAuthAuth(grant, store=FileStore(path), **settings)


class Remote:
    """What a worker needs of oidc-provider."""

    def __init__(self, provider):
        self.issuer = provider.issuer
        self.resource = provider.resource
        self.native = provider.native


@pytest.mark.parametrize(
    "background", [True, pytest.param(False, marks=pytest.mark.long)]
)
def test_oidc_provider_over_several_lives(oidc_provider, tmp_path, background):
    """A certified server, tokens of three seconds, four workers: nothing fails."""
    seed = oidc_provider.login()["refresh_token"]
    server = Remote(oidc_provider)
    outcomes = run_steadily(
        oidc_login,
        server,
        tmp_path,
        seed,
        processes=4,
        generation=4,
        background=background,
    )
    assert set(outcomes) == {200}
