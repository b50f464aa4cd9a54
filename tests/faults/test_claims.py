"""Claims that were not written, because their writer died or the disk was full."""

import pytest

from oauth_auth.stores import disk
from tests.stores.logins import Login


@pytest.mark.parametrize("spent", [False, True])
def test_a_refresh_token_whose_claim_was_not_written_never_seeds_again(
    tmp_path, monkeypatch, spent
):
    """Its worker died, or the disk was full, between the save and the claim. M83."""
    login = Login(tmp_path / "store")
    login.auth.token()
    real = disk.write_private

    def full(path, data, **settings):
        if path.parent.name == "claims":
            raise disk.not_writable(path, OSError(28, "No space left on device"))
        real(path, data, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_private", full)
        saved = login.auth.renew().refresh_token
    if spent:
        login.worker().renew()
    again = type(login.grant)(
        token_endpoint=login.grant.server.token_endpoint,
        client_id="a",
        refresh_token=saved,
    )
    login.grant = again
    other = login.worker()
    assert other._resolved().record_id == login.auth._resolved().record_id
    other.renew()
    login.worker().renew()
    assert login.server.families_revoked == 0
