"""OAuth2Session's attributes, and what it is as an object."""

import copy
import pickle

import pytest
import requests
from oauthlib.oauth2 import (
    BackendApplicationClient,
    LegacyApplicationClient,
    MobileApplicationClient,
    WebApplicationClient,
)

from oauth_auth import MemoryStore, OAuth2Session, TokenUpdated

TOKEN = {"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer"}


def test_it_is_a_requests_session():
    """What takes a requests.Session takes it, and keeps netrc out of its requests."""
    session = OAuth2Session("id")
    assert isinstance(session, requests.Session)
    request = requests.PreparedRequest()
    assert session.auth(request) is request
    with pytest.raises(TypeError):
        OAuth2Session("id", no_such_argument=1)


def test_the_defaults():
    """Nothing is set but the client."""
    session = OAuth2Session("id")
    assert isinstance(session._client, WebApplicationClient)
    assert session.client_id == "id"
    assert session.token == {}
    assert session.access_token is None
    assert not session.authorized
    assert session.scope is None
    assert session.redirect_uri is None
    assert session.auto_refresh_url is None
    assert session.auto_refresh_kwargs == {}
    assert session.token_updater is None
    assert set(session.compliance_hook) == {
        "access_token_response",
        "refresh_token_response",
        "protected_request",
        "refresh_token_request",
        "access_token_request",
    }


def test_what_is_given_is_kept():
    """Every argument has its attribute."""
    session = OAuth2Session(
        "id",
        auto_refresh_url="https://a.example/token",
        auto_refresh_kwargs={"a": "b"},
        scope=["read"],
        redirect_uri="https://me.example/cb",
        token=dict(TOKEN),
        state="s",
        token_updater=print,
        pkce="S256",
        store=MemoryStore(),
    )
    assert session.auto_refresh_url == "https://a.example/token"
    assert session.auto_refresh_kwargs == {"a": "b"}
    assert session.scope == ["read"]
    assert session.redirect_uri == "https://me.example/cb"
    assert session.token == TOKEN
    assert session.state == session._state == "s"
    assert session.token_updater is print
    assert session._pkce == "S256"
    assert session.authorized


def test_wrong_pkce_is_refused():
    """As an AttributeError, which is what scripts know."""
    with pytest.raises(AttributeError, match="S512"):
        OAuth2Session("id", pkce="S512")


@pytest.mark.parametrize(
    "kind",
    [
        WebApplicationClient,
        MobileApplicationClient,
        LegacyApplicationClient,
        BackendApplicationClient,
    ],
)
def test_client_classes(kind):
    """The client's attributes are the session's."""
    client = kind("one", scope=["a"])
    session = OAuth2Session(client=client, token=dict(TOKEN))
    assert session.access_token == client.access_token == TOKEN["access_token"]
    assert session.scope == ["a"]
    session.scope = ["b"]
    assert session.scope == ["b"]
    session.client_id = "two"
    assert client.client_id == "two"
    del session.client_id
    assert session.client_id is None


def test_tokens_are_set_and_read():
    """By dictionary, or the access token alone."""
    session = OAuth2Session("id")
    session.token = dict(TOKEN)
    assert session.authorized
    session.access_token = "other-0001"
    assert session._client.access_token == "other-0001"
    del session.access_token
    assert session.access_token is None
    with pytest.raises(AttributeError):
        del session.token


def test_a_token_without_expiry_does_not_inherit_one():
    """Oauthlib would go on with the expiry of the token before."""
    session = OAuth2Session("id", token={**TOKEN, "expires_at": 1.0})
    session.token = dict(TOKEN)
    assert session._client._expires_at is None


def test_state():
    """It is made anew each time, by a function, or stays what was given."""
    session = OAuth2Session("id")
    assert session.new_state() != session.new_state()
    assert session._state == session.new_state() or session._state
    assert OAuth2Session("id", state=lambda: "made").new_state() == "made"
    assert OAuth2Session("id", state="given").new_state() == "given"


def test_unknown_hook_types_are_refused():
    """The message names those there are."""
    session = OAuth2Session("id")
    session.register_compliance_hook("protected_request", print)
    assert session.compliance_hook["protected_request"] == {print}
    with pytest.raises(ValueError, match="access_token_request"):
        session.register_compliance_hook("no_such_hook", print)


def test_it_does_not_pickle():
    """A token in clear would be in the pickle. M75."""
    session = OAuth2Session("id", token=dict(TOKEN))
    with pytest.raises(TypeError, match="build it anew"):
        pickle.dumps(session)
    with pytest.raises(TypeError, match="does not pickle"):
        session.__reduce__()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_work(copied):
    """A copy has the token and the settings, and shares the store. M75."""
    store = MemoryStore()
    session = OAuth2Session("id", token=dict(TOKEN), scope=["a"], store=store)
    session.headers["X-A"] = "b"
    twin = copied(session)
    assert twin.token == TOKEN
    assert twin.headers["X-A"] == "b"
    assert twin.scope == ["a"]
    assert twin._store is store
    assert twin._flights is not session._flights
    if copied is copy.deepcopy:
        twin.headers["X-A"] = "c"
        assert session.headers["X-A"] == "b"


def test_token_updated_holds_the_token_and_does_not_show_it():
    """A traceback prints the text of what is raised, and this has none."""
    error = TokenUpdated({"access_token": "s3cret"})
    assert error.token == {"access_token": "s3cret"}
    assert str(error) == ""
    assert "s3cret" not in repr(error)
    assert isinstance(error, Warning)
    assert pickle.loads(pickle.dumps(error)).token == error.token
