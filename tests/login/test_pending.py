"""PendingLogin: what ties an answer to the person who asked. M98a."""

import contextlib
import copy
import hmac
import json
import pickle
import threading
import time

import pytest

from oauth_auth import errors
from oauth_auth.login import pending as module
from oauth_auth.login.pending import PendingLogin
from oauth_auth.secret import Secret

URI = "https://app.example/callback"
ISSUER = "https://auth.example"


def at(seconds):
    """A login that was started so many seconds ago."""
    return PendingLogin(URI, ISSUER, started_at=time.time() - seconds)


class TestState:
    def test_its_own_state_is_taken(self):
        """The state of this login, within ten minutes, is what the check is for."""
        login = at(599)
        login.use_up(Secret(login.state.reveal()))

    @pytest.mark.parametrize("state", [None, "", "wrong", "ü", "\udc80"])
    def test_another_state_is_refused(self, state):
        """A missing, empty, wrong or garbled state is another login's. M98a."""
        login = at(1)
        with pytest.raises(errors.MismatchingStateError, match="not that of this"):
            login.use_up(None if state is None else Secret(state))
        login.use_up(login.state)

    def test_another_sessions_state_is_refused(self):
        """The state of somebody else's login does not fit this one: CSRF. M98a."""
        mine, other = at(1), at(1)
        with pytest.raises(errors.MismatchingStateError):
            mine.use_up(other.state)

    def test_a_state_is_good_once(self):
        """The second answer to one login is refused, in copies of it too. M98a."""
        login = at(1)
        login.use_up(login.state)
        for again in (login, PendingLogin.from_dict(login.to_dict())):
            with pytest.raises(errors.MismatchingStateError, match="finished already"):
                again.use_up(login.state)

    def test_one_of_two_threads_is_first(self, monkeypatch):
        """When a person clicks twice, one of the two answers counts."""

        class Slow(dict):
            """Whoever asks it first, and then writes, does so beside the other."""

            def __contains__(self, key):
                found = super().__contains__(key)
                with contextlib.suppress(threading.BrokenBarrierError):
                    both.wait(0.5)
                return found

        both = threading.Barrier(2)
        monkeypatch.setattr(module, "_finished", Slow())
        login = at(1)
        taken = []

        def answer():
            try:
                PendingLogin.from_dict(login.to_dict()).use_up(login.state)
            except errors.MismatchingStateError:
                return
            taken.append(1)

        threads = [threading.Thread(target=answer) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert taken == [1]

    @pytest.mark.parametrize("age", [600, 86400, -61, float("nan")])
    def test_an_old_login_is_refused(self, age):
        """After ten minutes a login has been forgotten, or is somebody else's. M98a."""
        login = at(age)
        with pytest.raises(errors.MismatchingStateError, match="10 minutes"):
            login.use_up(login.state)

    def test_a_clock_that_is_behind(self):
        """The machine that finishes a login may be a bit behind the one before."""
        login = at(-30)
        login.use_up(login.state)

    def test_the_comparison_takes_as_long_for_any_state(self, monkeypatch):
        """States are compared in constant time, so that none can be found out. M98a."""
        compared = []
        honest = hmac.compare_digest

        def compare(one, other):
            compared.append({one, other})
            return honest(one, other)

        monkeypatch.setattr(hmac, "compare_digest", compare)
        login = at(1)
        own = login.state.reveal().encode()
        assert not login.is_answered_by(Secret("x"))
        assert login.is_answered_by(login.state)
        assert compared == [{b"x", own}, {own}]

    def test_finished_logins_are_forgotten_in_time(self, monkeypatch):
        """A process remembers no more logins than can still be finished again."""
        monkeypatch.setattr(module, "_FINISHED_KEPT", 2)
        monkeypatch.setattr(module, "_finished", {})
        old = [at(1) for _ in range(3)]
        for login in old:
            login.use_up(login.state)
        assert len(module._finished) == 3, "all may still come back"
        for stamp in module._finished.values():
            stamp[0] -= 3600
        new = at(1)
        new.use_up(new.state)
        assert list(module._finished) == [new.state]


class TestChance:
    def test_everything_is_of_chance(self):
        """State, nonce and verifier have 256 bits each, and differ every time."""
        logins = [PendingLogin(URI) for _ in range(100)]
        values = {
            value.reveal()
            for login in logins
            for value in (login.state, login.nonce, login.code_verifier)
        }
        assert len(values) == 300
        assert all(len(value) == 43 for value in values)

    def test_the_verifier_is_one(self):
        """RFC 7636 section 4.1: 43 to 128 unreserved characters."""
        verifier = PendingLogin(URI).code_verifier.reveal()
        assert all(char.isalnum() or char in "-._~" for char in verifier)


class TestSession:
    def test_it_survives_a_session(self):
        """What to_dict writes is JSON, and from_dict reads it back."""
        login = at(100)
        data = json.loads(json.dumps(login.to_dict()))
        again = PendingLogin.from_dict(data)
        assert again.to_dict() == login.to_dict()
        assert PendingLogin.from_dict(PendingLogin(URI).to_dict()).issuer is None
        again.use_up(login.state)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"state": ""},
            {"state": 7},
            {"nonce": None},
            {"code_verifier": ["x"]},
            {"redirect_uri": None},
            {"issuer": 7},
            {"started_at": "soon"},
            {"started_at": None},
        ],
    )
    def test_what_is_no_pending_login(self, wrong):
        """A session that holds something else is the application's mistake."""
        with pytest.raises(errors.ConfigurationError, match="no pending login"):
            PendingLogin.from_dict({**at(1).to_dict(), **wrong})

    @pytest.mark.parametrize("data", [{}, None, [], "text", 7])
    def test_what_is_no_dictionary(self, data):
        """Nor does anything else break with an error of Python's own."""
        with pytest.raises(errors.ConfigurationError, match="no pending login"):
            PendingLogin.from_dict(data)


class TestSecrecy:
    def test_it_tells_nothing(self):
        """Neither repr nor a pickle shows what the login is known by."""
        login = at(1)
        values = [login.to_dict()[name] for name in ("state", "nonce", "code_verifier")]
        assert repr(login) == f"PendingLogin('{URI}', '{ISSUER}')"
        assert all(value not in f"{login} {login.state} {login!r}" for value in values)
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(login)
        assert copy.deepcopy(login).state is login.state

    def test_wrong_data_is_in_no_frame(self):
        """The error for a garbled session shows nothing of what was in it."""
        data = {**at(1).to_dict(), "issuer": 7}
        with pytest.raises(errors.ConfigurationError) as caught:
            PendingLogin.from_dict(data)
        frame = caught.traceback[-1].frame
        assert data["state"] not in repr(frame.f_locals)
