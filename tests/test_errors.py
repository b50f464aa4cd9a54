"""The errors: whose classes they also are, and how they travel."""

import copy
import json
import pickle

import pytest
from oauthlib.oauth2.rfc6749 import errors as oauthlib_errors

from oauth_auth import errors

ALL = [getattr(errors, name) for name in errors.__all__]
FACTS = {
    "status_code": 503,
    "description": "down",
    "uri": "https://e.example",
    "x": [1],
}


def made(kind):
    return kind("what happened; what to do", **FACTS)


@pytest.mark.parametrize("kind", ALL)
class TestEveryError:
    def test_it_is_caught_as_oauthlib_names_it(self, kind):
        """Existing programs catch OAuth2Error, or the class of the same name."""
        # Theirs called LoginRequired is OpenID Connect's answer to prompt=none.
        name = {"LoginRequired": "TokenExpiredError"}.get(kind.__name__, kind.__name__)
        theirs = getattr(oauthlib_errors, name, oauthlib_errors.OAuth2Error)
        assert issubclass(kind, errors.OAuthAuthError)
        assert issubclass(kind, theirs)

    def test_it_has_what_handlers_of_oauthlibs_errors_read(self, kind):
        """Every attribute that oauthlib's constructor sets is there."""
        theirs = vars(oauthlib_errors.OAuth2Error("d"))
        error = kind("message")
        for name in (*theirs, "error", "retryable"):
            assert hasattr(error, name), name
        assert error.description == "message"
        assert error.status_code is None
        assert isinstance(error.twotuples, list)
        assert isinstance(error.json, str)

    def test_its_text_is_the_message_alone(self, kind):
        """Oauthlib would put the code before it, once more with every pickle."""
        error = made(kind)
        for _ in range(3):
            assert str(error) == "what happened; what to do"
            assert error.args == ("what happened; what to do",)
            error = pickle.loads(pickle.dumps(error))

    @pytest.mark.parametrize(
        "travel",
        [
            lambda error: pickle.loads(pickle.dumps(error)),
            copy.copy,
            copy.deepcopy,
            lambda error: errors.from_facts(errors.to_facts(error)),
            lambda error: errors.from_facts(
                json.loads(json.dumps(errors.to_facts(error)))
            ),
        ],
        ids=["pickle", "copy", "deepcopy", "facts", "json"],
    )
    def test_it_travels(self, kind, travel):
        """Class, text and facts arrive, as a new object without a traceback."""
        try:
            raise made(kind)
        except errors.OAuthAuthError as error:
            raised, found = error, travel(error)
        assert found is not raised
        assert type(found) is kind
        assert str(found) == "what happened; what to do"
        assert found.retryable is kind.retryable
        for name, value in FACTS.items():
            assert getattr(found, name) == value
        assert found.__traceback__ is None
        assert found.__context__ is None


def test_the_tree():
    """Sorted by whose turn it is, with the built-in classes people catch."""
    expected = {
        errors.LoginRequired: [oauthlib_errors.TokenExpiredError],
        errors.InvalidGrantError: [errors.TokenEndpointError],
        errors.InvalidClientError: [errors.TokenEndpointError],
        errors.ServerError: [errors.TokenEndpointError],
        errors.TemporarilyUnavailableError: [errors.TokenEndpointError],
        errors.UnsupportedTokenTypeError: [errors.TokenEndpointError],
        errors.StoreLocked: [errors.TokenStoreError, TimeoutError],
        errors.StoreNotWritable: [errors.TokenStoreError],
        errors.StoreCorrupt: [errors.TokenStoreError],
        errors.StoreConflict: [errors.TokenStoreError],
        errors.KeyMismatch: [errors.TokenStoreError],
        errors.ConfigurationError: [ValueError],
    }
    for kind, bases in expected.items():
        assert all(issubclass(kind, base) for base in bases), kind
    for kind in (errors.StoreNotWritable, errors.StoreCorrupt, errors.KeyMismatch):
        assert not issubclass(kind, OSError), "an except OSError of ours would eat it"
    assert not issubclass(errors.LoginRequired, errors.TokenEndpointError)


def test_what_may_be_tried_again():
    """Only what may succeed without anybody doing anything."""
    assert {kind for kind in ALL if kind.retryable} == {
        errors.ServerError,
        errors.TemporarilyUnavailableError,
        errors.EndpointUnreachable,
        errors.StoreLocked,
        errors.StoreUnreachable,
    }


def test_codes_lead_to_their_classes():
    """Those of RFC 6749 section 5.2, and the two that servers borrow from 4.1.2.1."""
    assert {code: kind.__name__ for code, kind in errors.BY_CODE.items()} == {
        "invalid_request": "InvalidRequestError",
        "invalid_client": "InvalidClientError",
        "invalid_grant": "InvalidGrantError",
        "unauthorized_client": "UnauthorizedClientError",
        "unsupported_grant_type": "UnsupportedGrantTypeError",
        "invalid_scope": "InvalidScopeError",
        "server_error": "ServerError",
        "temporarily_unavailable": "TemporarilyUnavailableError",
    }
    for code, kind in errors.BY_CODE.items():
        assert kind("m").error == code


def test_facts_of_a_mixed_error_are_those_of_ours():
    """An error that is also an HTTP client's travels as ours, without the client's."""

    class MixedError(errors.EndpointUnreachable, ConnectionError):
        pass

    error = MixedError("no answer", outcome_unknown=True)
    facts = errors.to_facts(error)
    assert facts["kind"] == "EndpointUnreachable"
    found = errors.from_facts(facts)
    assert type(found) is errors.EndpointUnreachable
    assert found.outcome_unknown is True


def test_facts_of_a_later_version_are_an_error_all_the_same():
    """A mark may have been written by a newer release."""
    found = errors.from_facts({"kind": "NewError", "message": "m", "facts": {"a": 1}})
    assert type(found) is errors.OAuthAuthError
    assert (str(found), found.a) == ("m", 1)


def test_each_waiter_gets_an_error_of_its_own():
    """A shared one would collect the tracebacks of all of them."""
    facts = errors.to_facts(made(errors.ServerError))
    one, other = errors.from_facts(facts), errors.from_facts(facts)
    assert one is not other
    one.status_code = 0
    assert other.status_code == 503
