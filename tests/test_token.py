"""Token: what it keeps, shows, and takes over from other libraries."""

import copy
import pickle
import time
from datetime import datetime, timedelta, timezone

import pytest

from oauth_auth import errors
from oauth_auth.secret import Secret
from oauth_auth.token import Token

ABROAD = timezone(timedelta(hours=1))
FULL = {
    "access_token": "s3cret-access",
    "token_type": "DPoP",
    "expires_at": 1_700_003_600.5,
    "obtained_at": 1_700_000_000.25,
    "refresh_token": "s3cret-refresh",
    "scope": "a b",
    "id_token": "s3cret-id",
    "refresh_at": 1_700_001_800.0,
    "account": {"id": 1},
}


class TestShowing:
    def test_repr_shows_no_secret(self):
        """Only the type, the expiry and whether it can be renewed. M66."""
        text = repr(Token.from_dict(FULL)) + str(Token.from_dict(FULL))
        assert "s3cret" not in text
        assert "expires_at=1700003600.5" in text
        assert "refresh_token=yes" in text
        assert "refresh_token=no" in repr(Token("s3cret"))

    def test_it_does_not_pickle(self):
        """The error names the way for those who accept readable tokens."""
        with pytest.raises(TypeError, match=r"to_dict\(\)") as caught:
            pickle.dumps(Token("s3cret"))
        assert "s3cret" not in str(caught.value)

    def test_a_copy_is_the_same_object(self):
        """It is immutable."""
        token = Token("a")
        assert copy.copy(token) is token
        assert copy.deepcopy([token])[0] is token


class TestKeeping:
    def test_to_dict_and_back(self):
        """Nothing is lost either way, and absent things stay absent."""
        token = Token.from_dict(FULL)
        assert token.to_dict() == FULL
        assert Token.from_dict(token.to_dict()) == token
        small = Token("a", obtained_at=1.0)
        assert small.to_dict() == {
            "access_token": "a",
            "token_type": "Bearer",
            "obtained_at": 1.0,
        }

    def test_equal_tokens_hash_alike(self):
        """By value, whether wrapped or not, with an empty text being no token."""
        one = Token("a", refresh_token="", obtained_at=1.0)
        other = Token(Secret("a"), obtained_at=1.0)
        assert one == other
        assert hash(one) == hash(other)
        assert one != Token("b", obtained_at=1.0)
        assert one != Token("a", obtained_at=1.0, extra={"x": 1})
        assert one != "a"

    def test_an_empty_text_is_no_token(self):
        """It would be presented as an empty bearer token otherwise."""
        for empty in ("", Secret(""), None):
            token = Token(empty, refresh_token=empty, id_token=empty)
            assert token._access_token is None
            assert token.access_token is None
            assert token.refresh_token is None
            assert token.id_token is None

    def test_it_cannot_be_changed(self):
        """What one thread holds no other changes under its hands."""
        extra = {"a": 1}
        token = Token("a", extra=extra)
        extra["a"] = 2
        assert token.extra["a"] == 1
        with pytest.raises(TypeError):
            token.extra["a"] = 3
        with pytest.raises(AttributeError):
            token.access_token = "b"

    def test_extras_never_hide_the_tokens_own(self):
        """A server's odd parameter names do not change what is presented."""
        token = Token("real", obtained_at=1.0, extra={"access_token": "odd"})
        assert token.to_dict()["access_token"] == "real"

    def test_lifetime_is_from_receipt_to_expiry(self):
        """Unknown stays unknown, and it is never negative."""
        assert Token("a", obtained_at=10.0, expires_at=70.0).lifetime == 60.0
        assert Token("a", obtained_at=10.0, expires_at=5.0).lifetime == 0.0
        assert Token("a", obtained_at=10.0).lifetime is None

    def test_the_time_of_receipt_is_now_unless_given(self):
        """The epoch itself is a time that can be given."""
        before = time.time()
        assert before <= Token("a").obtained_at <= time.time()
        assert Token("a", obtained_at=0.0).obtained_at == 0.0


class TestTakingOver:
    def test_neither_token_is_an_error(self):
        """The message says what to pass, and shows nothing of what was passed."""
        for data in ({}, {"id_token": "s3cret"}, {"access_token": 1}, {"token": "x"}):
            with pytest.raises(errors.ConfigurationError, match="neither") as caught:
                Token.from_dict(data)
            assert "s3cret" not in str(caught.value)

    def test_one_of_the_two_is_enough(self):
        """A refresh token alone is a seed."""
        assert Token.from_dict({"refresh_token": "r"}).access_token is None
        assert Token.from_dict({"access_token": " a\n"}).access_token == "a"

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1_700_000_000, 1_700_000_000.0),
            ("1700000000", 1_700_000_000.0),
            ("1700000000.5", 1_700_000_000.5),
            ("2023-11-14T22:13:20", 1_700_000_000.0),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000.0),
            (0, 0.0),
            (None, None),
            (True, None),
            ("soon", None),
            ("", None),
            ("nan", None),
            (float("inf"), None),
            (10**400, None),
            (1e20, None),
            ([1], None),
        ],
    )
    def test_expires_at_as_libraries_write_it(self, value, expected):
        """A number or a text; anything else is as good as unknown, never a crash."""
        token = Token.from_dict({"access_token": "a", "expires_at": value})
        assert token.expires_at == expected

    def test_expires_in_alone_says_nothing_of_the_age(self):
        """Such a token counts as expired, and is renewed at once."""
        token = Token.from_dict({"access_token": "a", "expires_in": 3600})
        assert token.expires_at == 0.0
        assert "expires_in" not in token.extra
        known = {"access_token": "a", "expires_in": 3600, "expires_at": 2e9}
        assert Token.from_dict(known).expires_at == 2e9

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("2023-11-14T22:13:20Z", 1_700_000_000.0),
            ("2023-11-14T22:13:20.500000", 1_700_000_000.5),
            (datetime(2023, 11, 14, 23, 13, 20, tzinfo=ABROAD), 1_700_000_000.0),
            ("soon", 0.0),
            (None, 0.0),
            ([3], 0.0),
        ],
    )
    def test_what_google_auth_keeps(self, value, expected):
        """Its token, expiry and scopes are taken, and its client's secret is not.

        Without an expiry it counts as expired, as google-auth has it.
        """
        token = Token.from_dict(
            {
                "token": "ya29",
                "refresh_token": "1//0",
                "token_uri": "https://oauth2.googleapis.com/token",
                "client_id": "c",
                "client_secret": "s3cret",
                "scopes": ["a", "b"],
                "expiry": value,
            }
        )
        assert (token.access_token, token.refresh_token) == ("ya29", "1//0")
        assert token.scope == "a b"
        assert token.expires_at == expected
        assert "client_secret" not in token.extra

    def test_what_msal_keeps(self):
        """Its ``expires_on`` is the expiry, and ``ext_expires_in`` says nothing."""
        token = Token.from_dict(
            {"access_token": "a", "expires_on": "1700000000", "ext_expires_in": 7200}
        )
        assert token.expires_at == 1_700_000_000.0
        answer = {"access_token": "a", "expires_in": 3599, "token_source": "cache"}
        assert Token.from_dict(answer).expires_at == 0.0

    def test_what_is_in_msals_cache(self):
        """A refresh token's entry is a seed, and an access token's is none."""
        entry = {"credential_type": "RefreshToken", "secret": "0.A", "target": "a b"}
        token = Token.from_dict({**entry, "client_id": "c", "family_id": "1"})
        assert (token.refresh_token, token.access_token) == ("0.A", None)
        assert "secret" not in token.extra
        with pytest.raises(errors.ConfigurationError, match="neither"):
            Token.from_dict({**entry, "credential_type": "AccessToken"})

    def test_a_token_of_unknown_age_has_the_rest_of_its_life(self):
        """The stale window is reckoned from now, not from the epoch."""
        now = time.time()
        token = Token.from_dict({"access_token": "a", "expires_at": now + 100})
        assert 99 < token.lifetime <= 100
        gone = Token.from_dict({"access_token": "a", "expires_at": now - 100})
        assert gone.obtained_at == 0.0

    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            ("a b", "a b"),
            (["a", "b"], "a b"),
            (("a",), "a"),
            ([], None),
            ("", None),
            (None, None),
            (7, None),
        ],
    )
    def test_scope_as_libraries_write_it(self, scope, expected):
        """Text or a list."""
        token = Token.from_dict({"access_token": "a", "scope": scope})
        assert token.scope == expected

    def test_a_missing_type_is_bearer(self):
        """Some libraries drop it."""
        for value in (None, "", 3):
            token = Token.from_dict({"access_token": "a", "token_type": value})
            assert token.token_type == "Bearer"

    def test_the_dictionary_is_left_as_it_was(self):
        """It belongs to the caller."""
        data = dict(FULL)
        Token.from_dict(data)
        assert data == FULL
