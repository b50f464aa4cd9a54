"""Many threads on one session, and on sessions of their own."""

import collections
import threading

import pytest

from oauth_auth import MemoryStore, OAuth2Session
from tests.oauth2_session.endpoint import json_reply

THREADS = 32


def crowd(work):
    """Run some work on many threads at once; return what came of it, counted."""
    outcomes = collections.Counter()
    barrier = threading.Barrier(THREADS)

    def run(number):
        barrier.wait()
        try:
            outcomes[work(number)] += 1
        except Exception as error:
            outcomes[f"{type(error).__name__}: {error}"] += 1

    threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(outcomes)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("store", [MemoryStore, lambda: None])
def test_at_expiry(endpoint, own, store):
    """One token request, no failure, and each saver hears once. M06."""
    token, saved, kept = endpoint.issue(expired=True), collections.Counter(), store()

    def start():
        session = OAuth2Session(
            "id",
            token=dict(token),
            auto_refresh_url=endpoint.token_url,
            token_updater=lambda _: saved.update([id(session)]),
            store=kept,
        )
        return session

    sessions = [start() for _ in range(THREADS if own else 1)]
    outcomes = crowd(
        lambda n: sessions[n % len(sessions)].get(endpoint.url, timeout=30).status_code
    )
    assert outcomes == {200: THREADS}
    assert len(endpoint.asked) == 1
    assert set(saved.values()) == {1}
    assert len(saved) == len(sessions)
    sent = {r.authorization for r in endpoint.api.seen if r.path != "/token"}
    assert sent == {f"Bearer {sessions[0].access_token}"}


def test_while_a_refresh_is_under_way_no_request_is_without_token(endpoint):
    """Nor is one with half of the new token. M06."""
    session = OAuth2Session("id", token=endpoint.issue())
    seen, release = threading.Event(), threading.Event()

    def slow(_):
        seen.set()
        release.wait(30)
        return json_reply(endpoint._issued())

    endpoint.answers = [slow]
    refreshing = threading.Thread(
        target=session.refresh_token, args=(endpoint.token_url,)
    )
    fetching = threading.Thread(
        target=session.fetch_token, args=(endpoint.token_url, "c0de")
    )
    refreshing.start()
    assert seen.wait(30)
    fetching.start()
    assert crowd(lambda _: session.get(endpoint.url).status_code) == {200: THREADS}
    release.set()
    refreshing.join()
    fetching.join()
    assert session.get(endpoint.url).ok
