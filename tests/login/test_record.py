"""What a login makes of the record: a new lineage, in which all is forgiven."""

import pytest

from oauth_auth import FileStore, errors
from oauth_auth.login import pending as pending_logins
from oauth_auth.secret import Secret
from oauth_auth.testing import ABSENT
from tests.login.people import app, follow, token_requests
from tests.processes.starting import LOADED


def test_a_new_lineage(server, tmp_path):
    """A login begins a lineage, and generations go on."""
    auth = app(server, store=FileStore(tmp_path))
    auth.login()
    source = auth._resolved()
    first = source.store.read(source.record_id)
    assert first.generation == 1
    assert first.about["client_id"] == "public"
    auth.login()
    second = source.store.read(source.record_id)
    assert second.generation == 2
    assert second.lineage != first.lineage


def test_its_refresh_token_is_known_as_a_seed(server, tmp_path):
    """A script that saved the refresh token finds the login again."""
    auth = app(server, store=FileStore(tmp_path))
    token = auth.login()
    source = auth._resolved()
    identifier = auth._terms_for(None).identifier
    fingerprint = identifier.fingerprint(Secret(token.refresh_token))
    assert source.store.claim(fingerprint) == source.record_id


def test_a_claim_that_cannot_be_kept(server, monkeypatch, log):
    """The login is safe all the same, and the log says what is not."""

    def claim(*args, **kwargs):
        raise errors.StoreNotWritable("no claim")

    auth = app(server)
    auth._resolved()
    monkeypatch.setattr("oauth_auth.stores.memory.MemoryStore.claim", claim)
    assert auth.login().access_token == auth.access_token()
    assert any("not be recognised as seed" in line for line in log)


def test_without_a_refresh_token(server):
    """A server that gives no refresh token gives a login until the token ends."""
    server.configure(extra={"refresh_token": ABSENT})
    auth = app(server)
    assert auth.login().refresh_token is None
    assert auth.access_token()
    with pytest.raises(errors.LoginRequired):
        auth.renew()


def test_a_damaged_record_is_healed(server, tmp_path):
    """A login replaces a damaged record, which is kept aside."""
    store = FileStore(tmp_path)
    auth = app(server, store=store)
    auth.login()
    source = auth._resolved()
    path = tmp_path / "records" / source.record_id
    path.write_bytes(path.read_bytes()[:-20] + 20 * b"\0")
    source.held = None
    with pytest.raises(errors.StoreCorrupt):
        auth.token()
    token = auth.login()
    assert store.read(source.record_id).token == token
    assert store.read(source.record_id).generation > 1_000_000
    assert list(path.parent.glob("*.corrupt-*"))
    assert auth.renew().access_token


def test_marks_are_cleared(server):
    """A login ends what was said or put off about the one before."""
    auth = app(server)
    other = app(server, store=auth._store)
    server.revoke_family(auth.login().refresh_token)
    with pytest.raises(errors.LoginRequired):
        auth.renew()
    with pytest.raises(errors.LoginRequired):
        other.renew()
    token = auth.login()
    for each in (auth, other):
        assert each.renew().access_token
    assert token.access_token


def test_holds_are_cleared(server):
    """So is a pause after a failure of the server."""
    auth = app(server)
    auth.login()
    server.token_faults.answer(503, headers={"Retry-After": "3000"})
    with pytest.raises(errors.TemporarilyUnavailableError):
        auth.renew()
    auth._resolved().held = None
    with pytest.raises(errors.TemporarilyUnavailableError):
        auth.renew()
    auth.login()
    assert auth.renew().access_token


def test_other_processes_go_on(server, tmp_path):
    """A worker of another process uses the new login at its next request."""
    path = tmp_path / "store"
    auth = app(server, store=FileStore(path))
    server.revoke_family(auth.login().refresh_token)
    with pytest.raises(errors.LoginRequired):
        auth.renew()
    channel, theirs = LOADED.Pipe()
    worker = LOADED.Process(target=_asked, args=(server, path, theirs))
    worker.start()
    channel.send("renew")
    assert channel.recv() == "LoginRequired"
    auth.login()
    channel.send("renew")
    assert channel.recv() == "renewed"
    channel.send("stop")
    worker.join(60)
    assert server.counts().reuse_detected == 0


def test_after_a_logout(server):
    """Who has logged out can log in again."""
    auth = app(server)
    auth.login()
    auth.logout()
    with pytest.raises(errors.LoginRequired, match="logged out"):
        auth.token()
    assert auth.login().access_token == auth.access_token()


def test_the_end_of_a_second_login_is_said_too(server, log):
    """What was said in the log about one login is said about the next one."""
    auth = app(server)
    for _ in range(2):
        auth.login()
        auth.logout()
        for _ in range(3):
            with pytest.raises(errors.LoginRequired):
                auth.token()
    assert sum("was logged out" in line for line in log) == 2


def test_a_code_is_redeemed_once_by_all_processes(server, tmp_path):
    """A person who clicks twice may reach two workers of a web application.

    The second sends no code: the server would end the login for it.
    """
    uri = "https://app.example/cb"
    auth = app(server, store=FileStore(tmp_path), account="1", redirect_uri=uri)
    url, pending = auth.authorization_url()
    back = follow(url)
    data = pending.to_dict()
    auth.fetch_token(authorization_response=back, pending=data)
    pending_logins._finished.clear()  # as in another process
    with pytest.raises(errors.MismatchingStateError, match="finished already"):
        auth.fetch_token(authorization_response=back, pending=data)
    assert token_requests(server) == 1
    assert auth.renew().access_token


def test_no_code_is_spent_while_the_record_is_locked(server, monkeypatch):
    """A token that could not be kept is not asked for."""
    monkeypatch.setattr("oauth_auth.login.keep._LOCK_SECONDS", 0.02)
    uri = "https://app.example/cb"
    auth = app(server, account="1", redirect_uri=uri)
    url, pending = auth.authorization_url()
    source = auth._resolved()
    with source.store.lock(source.record_id, timeout=5):
        with pytest.raises(errors.StoreLocked):
            auth.fetch_token(authorization_response=follow(url), pending=pending)
    assert token_requests(server) == 0


def test_generations_never_restart(server, tmp_path):
    """A store that was put back, or emptied, does not overtake memory."""
    auth = app(server, store=FileStore(tmp_path))
    auth.login()
    auth.login()
    source = auth._resolved()
    (tmp_path / "records" / source.record_id).unlink()
    auth.login()
    assert source.store.read(source.record_id).generation == 3


def _asked(server, path, channel):
    auth = app(server, store=FileStore(path))
    while channel.recv() != "stop":
        try:
            auth.renew()
        except errors.OAuthAuthError as error:
            channel.send(type(error).__name__)
        else:
            channel.send("renewed")
