"""What failing metadata (RFC 8414) do to a login."""

import logging

import pytest

from oauth_auth import endpoint, errors
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.testing import Fault, TestingServer
from tests.faults.clock import Clock
from tests.faults.logins import OtherWorker, log_in, record_file, record_of, settle
from tests.transport.servers import Server, answering

KINDS = (RequestsAuth, HttpxAuth, Httpx2Auth)
DAY = 86400.0
SHORT = 0.3
PAGE = "<html><title>Log in to the airport's network</title></html>"
OTHERS = {"issuer": "https://evil.test", "token_endpoint": "https://evil.test/token"}

#: Name -> the answer, or a `Fault`.
FAILURES = {
    "500": (500, "oops"),
    "502": (502, PAGE),
    "503": (503, ""),
    "408": (408, ""),
    "429": (429, ""),
    "520": (520, PAGE),
    "302": (302, ""),
    "307": (307, ""),
    "400": (400, {"error": "invalid_request"}),
    "403": (403, PAGE),
    "404": (404, ""),
    "200 HTML": (200, PAGE),
    "200 empty": (200, ""),
    "204": (204, ""),
    "200 null": (200, "null"),
    "200 []": (200, "[]"),
    "200 cut": (200, '{"issuer": "http://127.0.0.1'),
    "200 deep": (200, "[" * 100_000),
    "200 another document": (200, {"message": "hello"}),
    "200 another issuer": (200, OTHERS),
    "dropped": Fault(drop="before"),
    "truncated": Fault(truncate=True),
    "dribbled": Fault(dribble=0.1),
}
#: What waiting cannot mend, as far as the client can tell; the others pass.
FOR_GOOD = {"400", "403", "404"}


def lasting(name):
    return name in FOR_GOOD or name.startswith("20")


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def server(_server):
    _server.reset()
    return _server


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture(autouse=True)
def _no_metadata_in_memory(monkeypatch):
    monkeypatch.setattr(endpoint, "_found", {})
    yield
    settle()


@pytest.fixture
def elsewhere():
    """Another host, which must see nothing."""
    server = Server(answering(b"{}"), reading=False)
    yield server
    server.close()


def fail(server, name, *, to="http://127.0.0.1:1/"):
    """Have all metadata requests fail from now on."""
    failure = FAILURES[name]
    if isinstance(failure, Fault):
        server.metadata_faults.add(failure, times=None)
    else:
        headers = {"Location": to} if name.startswith("30") else {}
        server.metadata_faults.answer(*failure, headers=headers, times=None)


def kept_metadata(auth):
    """Return the documents that the store keeps."""
    store = auth._resolved().store
    records = map(store.read, store.records())
    return [
        r.document["metadata"]
        for r in records
        if r and "metadata" in (r.document or {})
    ]


@pytest.mark.parametrize("name", FAILURES)
def test_a_login_outlives_metadata_that_cannot_be_had(
    server, clock, tmp_path, elsewhere, name
):
    """Nothing is spent or kept; the hold is one for all, and then the login goes on."""
    timeout = SHORT if name == "dribbled" else 10.0
    where = {"server": server.issuer}
    auth = log_in(server, tmp_path, where=where, timeout=timeout)
    token, before = auth.token(), record_file(auth).read_bytes()
    fail(server, name, to=elsewhere.url)
    with pytest.raises(errors.OAuthAuthError) as caught:
        auth.renew()
    error = caught.value
    assert not isinstance(error, errors.LoginRequired)
    assert isinstance(error, errors.ConfigurationError) is lasting(name)
    assert error.retryable is not lasting(name)
    assert str(error).isprintable()
    assert len(str(error)) < 400
    asked = server.counts().metadata_requests
    assert asked <= 2
    for worker in (auth, OtherWorker(auth)):
        for _ in range(5):
            with pytest.raises(type(error)):
                worker.renew()
            assert worker.token() == token
    counts = server.counts()
    assert (counts.metadata_requests, counts.token_requests) == (asked, 0)
    assert not elsewhere.met.is_set()
    assert record_file(auth).read_bytes() == before
    assert kept_metadata(auth) == []
    assert endpoint._found == {}
    server.metadata_faults.clear()
    clock.wait(record_of(auth).mark.duration)
    patient = type(auth)(auth._grant, **{**auth._settings(), "timeout": 10.0})
    assert OtherWorker(patient).renew() == patient.renew()
    assert [d["issuer"] for d in kept_metadata(auth)] == [server.issuer]


@pytest.mark.parametrize("name", FAILURES)
def test_old_metadata_are_used_while_there_are_no_others(
    server, clock, tmp_path, elsewhere, caplog, name
):
    """After a day the metadata are fetched anew; if that fails, the old ones serve.

    They are not replaced by what is wrong, and not fetched at each renewal either.
    """
    timeout = SHORT if name == "dribbled" else 10.0
    where = {"server": server.issuer}
    auth = log_in(server, tmp_path, where=where, timeout=timeout)
    auth.renew()
    kept = kept_metadata(auth)
    fail(server, name, to=elsewhere.url)
    server.reset_counts()
    clock.wait(DAY + 1)
    patient = type(auth)(auth._grant, **{**auth._settings(), "timeout": 10.0})
    with caplog.at_level(logging.WARNING, "oauth_auth"):
        auth.renew()
        for _ in range(4):
            patient.renew()
    assert caplog.text.count("using old metadata") == 1
    counts = server.counts()
    assert counts.refreshes_granted == 5
    assert counts.metadata_requests <= 2
    assert not elsewhere.met.is_set()
    assert kept_metadata(auth) == kept
    # What is wrong does not stay wrong for longer than it must.
    server.metadata_faults.clear()
    server.reset_counts()
    clock.wait(3600)
    patient.renew()
    assert server.counts().metadata_requests == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind._library)
def test_a_redirect_of_metadata_is_named(server, tmp_path, elsewhere, kind):
    """The error says where it leads, without what may be secret, and what to write."""
    auth = log_in(server, tmp_path, kind=kind, where={"server": server.issuer})
    fail(server, "302", to=f"{elsewhere.url}?code=hush")
    with pytest.raises(errors.ServerError, match=r"302.*redirect to 127\.0\.0\.1") as c:
        auth.renew()
    assert "hush" not in str(c.value)
    assert not elsewhere.met.is_set()


@pytest.mark.parametrize("step", [-10 * 365 * DAY, -DAY, 3600.0, 10 * 365 * DAY])
def test_a_step_of_the_clock_costs_one_look_at_the_metadata(
    server, clock, tmp_path, step
):
    """Metadata from the future, or from long ago, are fetched once more, not always."""
    auth = log_in(server, tmp_path, where={"server": server.issuer})
    auth.renew()
    clock.step(step)
    for _ in range(3):
        auth.renew()
    assert server.counts().metadata_requests == (1 if step == 3600.0 else 2)
    assert server.counts().token_requests == 4
