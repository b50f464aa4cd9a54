"""What a broken wire to the authorization server does to a login."""

import threading

import pytest

from oauth_auth import errors
from oauth_auth.http_clients.httpx import HttpxAuth
from oauth_auth.http_clients.httpx2 import Httpx2Auth
from oauth_auth.http_clients.requests import RequestsAuth
from oauth_auth.testing import TestingServer
from tests.faults.broken import ODD, UNPROCESSED, UNUSABLE, early_hints, reset_at_once
from tests.faults.clock import Clock
from tests.faults.logins import OtherWorker, over, record_file, record_of
from tests.faults.wire import lost_after, lost_before
from tests.transport.servers import FOREVER

KINDS = (RequestsAuth, HttpxAuth, Httpx2Auth)


@pytest.fixture(scope="module")
def _server():
    with TestingServer() as server:
        yield server


@pytest.fixture(params=["strict", "grace"])
def server(request, _server):
    """An authorization server, with and without a grace window."""
    _server.reset()
    _server.configure(rotation=request.param, grace=60.0)
    return _server


@pytest.fixture
def graceful(_server):
    """A server that repeats its answer for a minute."""
    _server.reset()
    _server.configure(rotation="grace", grace=60.0)
    return _server


@pytest.fixture
def strict(_server):
    """A server that takes any repetition for a theft."""
    _server.reset()
    return _server


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture(params=KINDS, ids=lambda kind: kind._library)
def kind(request):
    return request.param


def refresh_tokens(wire):
    """Return the forms in which a refresh token was sent."""
    return [request.body for request in wire.seen]


def failure_of(function):
    """Return what a function raises, or None."""
    try:
        function()
    except Exception as error:
        return error
    return None


def named(step):
    return step.__name__


@pytest.mark.parametrize("step", UNPROCESSED, ids=named)
def test_a_request_that_gets_lost_costs_nothing(
    server, wires, clock, tmp_path, kind, step
):
    """What did not reach the server is sent once more at once, also to a strict one.

    M16, M24.
    """
    wire = wires(server.issuer)
    auth = over(wire, server, tmp_path, kind=kind)
    token = auth.token()
    wire.script.append(step)
    assert auth.renew().refresh_token != token.refresh_token
    assert wire.connections == 2
    assert len(set(refresh_tokens(wire))) == 1
    counts = server.counts()
    assert (counts.token_requests, counts.refreshes_granted) == (1, 1)


def test_a_connection_that_is_reset_at_once_costs_nothing(
    strict, wires, clock, tmp_path, kind
):
    """Whether the reset comes before the request has left or after it. M24."""
    wire = wires(strict.issuer)
    auth = over(wire, strict, tmp_path, kind=kind)
    token = auth.token()
    for _ in range(5):
        wire.script.append(reset_at_once)
        failure = failure_of(auth.renew)
        if failure is not None:
            # Noticed so early that it is certain; then there is no replay.
            assert type(failure) is errors.EndpointUnreachable
            assert not failure.outcome_unknown
            assert auth.token() is token
            clock.wait(record_of(auth).mark.duration)
            auth.renew()
        assert auth.token() is not token
        token = auth.token()
    counts = strict.counts()
    assert (counts.token_requests, counts.families_revoked) == (5, 0)


@pytest.mark.parametrize("step", UNUSABLE, ids=named)
def test_an_answer_that_gets_lost_is_asked_for_again_at_once(
    graceful, wires, tmp_path, kind, step
):
    """Whatever makes the answer unusable, one replay within the grace brings it back.

    M15, M16, M51.
    """
    wire = wires(graceful.issuer)
    auth = over(wire, graceful, tmp_path, kind=kind)
    token = auth.token()
    wire.script.append(step)
    newer = auth.renew()
    assert newer.refresh_token != token.refresh_token
    assert len(refresh_tokens(wire)) == 2
    assert len(set(refresh_tokens(wire))) == 1
    assert record_of(auth).token == newer
    assert record_of(auth).journal is None
    assert auth.renew().refresh_token != newer.refresh_token
    counts = graceful.counts()
    assert (counts.replays_in_grace, counts.families_revoked) == (1, 0)


@pytest.mark.parametrize("step", [lost_after, *UNUSABLE[-2:]], ids=named)
def test_a_strict_server_ends_the_login_and_the_error_says_why(
    strict, wires, clock, tmp_path, kind, step
):
    """Without a grace window no client can keep it; there is no third attempt.

    M15, M29.
    """
    wire = wires(strict.issuer)
    auth = over(wire, strict, tmp_path, kind=kind)
    wire.script.append(step)
    for worker in (auth, OtherWorker(auth), auth):
        with pytest.raises(errors.LoginRequired, match="earlier answer was lost") as c:
            worker.renew()
        assert c.value.answer_lost
        clock.wait(3600)
    assert len(refresh_tokens(wire)) == 2


@pytest.mark.parametrize("step", [lost_before, lost_after], ids=named)
def test_two_lost_answers_leave_the_login_in_doubt(
    graceful, wires, clock, tmp_path, kind, step
):
    """Then the old token is used on, and after the hold the same request is made.

    M15, M16.
    """
    wire = wires(graceful.issuer)
    auth = over(wire, graceful, tmp_path, kind=kind)
    token, before = auth.token(), record_file(auth).read_bytes()
    wire.script += [step, step]
    with pytest.raises(errors.EndpointUnreachable) as caught:
        auth.renew()
    assert caught.value.outcome_unknown
    assert caught.value.retryable
    assert record_of(auth).mark.in_doubt
    assert record_file(auth).read_bytes() == before
    for _ in range(5):
        with pytest.raises(errors.EndpointUnreachable):
            OtherWorker(auth).renew()
        assert auth.token() is token
    clock.wait(record_of(auth).mark.duration)
    assert OtherWorker(auth).renew() == auth.renew()
    assert len(refresh_tokens(wire)) == 3
    assert len(set(refresh_tokens(wire))) == 1
    assert graceful.counts().families_revoked == 0


# -- answers that look odd -------------------------------------------------------------


@pytest.mark.parametrize("step", ODD, ids=named)
def test_an_odd_answer_is_an_answer(strict, wires, tmp_path, kind, step):
    """What can be understood is, at the first time of asking. M51."""
    wire = wires(strict.issuer)
    auth = over(wire, strict, tmp_path, kind=kind)
    token = auth.token()
    wire.script.append(step)
    assert auth.renew().refresh_token != token.refresh_token
    assert auth.renew()
    assert len(refresh_tokens(wire)) == 2
    assert strict.counts().families_revoked == 0


def test_early_hints_are_not_the_answer(server, wires, tmp_path, kind):
    """An interim answer is skipped: what was spent is not sent again."""
    wire = wires(server.issuer)
    auth = over(wire, server, tmp_path, kind=kind)
    token = auth.token()
    wire.script.append(early_hints)
    assert auth.renew().refresh_token != token.refresh_token
    assert len(refresh_tokens(wire)) == 1
    assert server.counts().families_revoked == 0


# -- requests that arrive twice --------------------------------------------------------


def twice(exchange):
    """A proxy repeats the request, and passes the first answer on."""
    first = exchange.processed()
    exchange.processed()
    exchange.send(b"".join(first))


def twice_and_the_second(exchange):
    """A proxy repeats the request, and passes the second answer on."""
    exchange.processed()
    exchange.send(b"".join(exchange.processed()))


def at_once(exchange):
    """A proxy sends the request on two connections at the same time."""
    assert exchange.request
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(exchange.processed()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FOREVER)
    exchange.send(b"".join(answers[-1]))


@pytest.mark.parametrize("step", [twice, twice_and_the_second, at_once], ids=named)
def test_a_proxy_that_repeats_requests_costs_nothing_within_the_grace(
    graceful, wires, tmp_path, kind, step
):
    """Both get the same tokens, and life after life the login goes on."""
    wire = wires(graceful.issuer)
    wire.otherwise = step
    auth = over(wire, graceful, tmp_path, kind=kind)
    tokens = {auth.renew().refresh_token for _ in range(4)}
    assert len(tokens) == 4
    counts = graceful.counts()
    assert (counts.refreshes_granted, counts.replays_in_grace) == (4, 4)
    assert counts.reuse_detected == counts.families_revoked == 0


@pytest.mark.parametrize("step", [twice, twice_and_the_second], ids=named)
def test_a_proxy_that_repeats_requests_ends_a_login_at_a_strict_server(
    strict, wires, clock, tmp_path, step
):
    """The client sends its refresh token once, learns of the end, and asks no more."""
    wire = wires(strict.issuer)
    wire.script.append(step)
    auth = over(wire, strict, tmp_path)
    if step is twice:
        # The token that came is dead already, as the API's 401 will tell.
        auth.renew()
    for worker in (auth, OtherWorker(auth), auth):
        with pytest.raises(errors.LoginRequired, match="log in again"):
            worker.renew()
        clock.wait(3600)
    assert len(refresh_tokens(wire)) == len(set(refresh_tokens(wire)))
    assert len(refresh_tokens(wire)) == (2 if step is twice else 1)
