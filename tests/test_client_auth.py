"""How a client proves itself at the token endpoint."""

import base64
import pickle
import traceback
from urllib.parse import parse_qs, unquote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_auth import ClientCredentials
from oauth_auth.client_auth import (
    ClientAuth,
    ClientSecretBasic,
    ClientSecretJWT,
    ClientSecretPost,
    Draft,
    NoClientAuth,
    PrivateKeyJWT,
    SelfSignedTLSClientAuth,
    TLSClientAuth,
    client_auth_from,
)
from oauth_auth.errors import ConfigurationError
from oauth_auth.protocol import encode_form
from oauth_auth.secret import FromEnv, FromFile, Secret
from oauth_auth.server import AuthorizationServer


def server(*methods):
    return AuthorizationServer(
        "https://auth.example.com",
        metadata={"token_endpoint_auth_methods_supported": list(methods)}
        if methods
        else None,
    )


def applied(auth, client_id="id", client_secret=None):
    """Return the parameters and header fields that a method adds."""
    draft = Draft(server(), "token_endpoint", client_id, client_secret, {})
    before = dict(draft.headers)
    auth.apply(draft)
    added = {k: v for k, v in draft.headers.items() if k not in before}
    return draft.params, added


def test_m50_exact_header():
    """M50: id and secret are form-encoded before base64."""
    params, headers = applied(ClientSecretBasic(), "1PpG/Q 1", Secret("z/tZ9VwF+Z:X="))
    assert headers["Authorization"].reveal() == (
        "Basic MVBwRyUyRlErMTp6JTJGdFo5VndGJTJCWiUzQVglM0Q="
    )
    assert params == {}


def test_m50_raw():
    """M50: for servers that do not decode, the form-encoding can be left out."""
    _, headers = applied(
        ClientSecretBasic(raw=True), "1PpG/Q 1", Secret("z/tZ9VwF+Z:é=")
    )
    sent = base64.b64decode(headers["Authorization"].reveal().removeprefix("Basic "))
    assert sent.decode() == "1PpG/Q 1:z/tZ9VwF+Z:é="


def test_raw_refuses_a_colon_in_the_id():
    """Raw, an id with a colon would arrive as another id with another secret."""
    with pytest.raises(ConfigurationError, match=r"client_id urn:x"):
        applied(ClientSecretBasic(raw=True), "urn:x", Secret("s"))
    assert applied(ClientSecretBasic(), "urn:x", Secret("s"))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)
@given(_TEXT, _TEXT)
def test_basic_round_trip(client_id, client_secret):
    """M50: a server that follows RFC 6749 section 2.3.1 reads every id and secret."""
    _, headers = applied(ClientSecretBasic(), client_id, Secret(client_secret))
    sent = base64.b64decode(headers["Authorization"].reveal().removeprefix("Basic "))
    first, _, second = sent.decode("ascii").partition(":")
    assert (unquote_plus(first), unquote_plus(second)) == (client_id, client_secret)


@settings(deadline=None)
@given(_TEXT, _TEXT)
def test_post_round_trip(client_id, client_secret):
    """M50: the same in the form, next to the parameters of the grant."""
    params, headers = applied(ClientSecretPost(), client_id, Secret(client_secret))
    assert headers == {}
    assert isinstance(params["client_secret"], Secret)
    assert parse_qs(encode_form(params).reveal(), strict_parsing=True) == {
        "client_id": [client_id],
        "client_secret": [client_secret],
    }


def test_none_names_the_client():
    """A public client sends its id in the form, and nothing else."""
    assert applied(NoClientAuth()) == ({"client_id": "id"}, {})


@pytest.mark.parametrize(
    "auth", [ClientSecretBasic(), ClientSecretPost(), ClientSecretJWT()]
)
@pytest.mark.parametrize("missing", [None, Secret("")])
def test_m25_no_secret(auth, missing):
    """M25: a confidential method without a secret is the caller's mistake."""
    draft = Draft(server(), "token_endpoint", "id", missing, {})
    before = dict(draft.headers)
    with pytest.raises(ConfigurationError, match=rf"^{auth.method} needs a client_sec"):
        auth.apply(draft)
    assert (draft.params, draft.headers) == ({}, before)


@pytest.mark.parametrize(
    "method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"]
)
def test_m25_no_secret_when_chosen(method):
    """M25: it is told before a request is made, with the server's name."""
    with pytest.raises(
        ConfigurationError, match=r"auth\.example\.com needs a client_s"
    ):
        client_auth_from(method, server=server(), has_secret=False)


def test_secret_that_is_no_text(monkeypatch):
    """Bytes that are not UTF-8 give an error that neither shows nor chains them."""
    monkeypatch.setattr("os.environ", {"BAD": "hush\udcffhush"})
    for auth in (ClientSecretBasic(), ClientSecretBasic(raw=True)):
        with pytest.raises(ConfigurationError, match="client_secret holds") as caught:
            applied(auth, "id", FromEnv("BAD"))
        assert caught.value.__context__ is None
        shown = traceback.TracebackException.from_exception(
            caught.value, capture_locals=True
        )
        assert "hush" not in "".join(shown.format())


@pytest.mark.parametrize(
    ("offered", "has_secret", "expected"),
    [
        ((), True, ClientSecretBasic()),
        ((), False, NoClientAuth()),
        (("client_secret_post", "client_secret_basic"), True, ClientSecretBasic()),
        (("private_key_jwt", "client_secret_post"), True, ClientSecretPost()),
        (("client_secret_jwt", "client_secret_post"), True, ClientSecretPost()),
        (("private_key_jwt", "client_secret_jwt"), True, ClientSecretJWT()),
        (("client_secret_post", "none"), True, ClientSecretPost()),
        (("client_secret_basic", "none"), False, NoClientAuth()),
        (("client_secret_basic",), False, NoClientAuth()),
    ],
)
def test_chosen_by_metadata(offered, has_secret, expected):
    """RFC 8414 section 2: by the metadata, basic first; none without a secret."""
    found = client_auth_from(None, server=server(*offered), has_secret=has_secret)
    assert found == expected


def test_metadata_without_a_usable_method():
    """A server that takes no secret is named with what it does take, made printable."""
    with pytest.raises(ConfigurationError, match="names private_key_jwt, none, for"):
        client_auth_from(
            None, server=server("private_key_jwt", "none", "\x1b"), has_secret=True
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("client_secret_basic", ClientSecretBasic()),
        ("client_secret_post", ClientSecretPost()),
        ("client_secret_jwt", ClientSecretJWT()),
        ("none", NoClientAuth()),
    ],
)
def test_chosen_by_name(name, expected):
    """A name from RFC 7591 outweighs the metadata."""
    found = client_auth_from(name, server=server("tls_client_auth"), has_secret=True)
    assert found == expected
    assert found.method == name


def test_unknown_name():
    """A name that does not work is answered with those that do."""
    with pytest.raises(
        ConfigurationError,
        match="'basic' is not known; known are client_secret_basic, client_secret_pos",
    ):
        client_auth_from("basic", server=server(), has_secret=True)


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("private_key_jwt", r"PrivateKeyJWT\(key\)"),
        ("tls_client_auth", r"TLSClientAuth\(certificate, key\)"),
        ("self_signed_tls_client_auth", r"SelfSignedTLSClientAuth\(certificate, key\)"),
    ],
)
def test_a_name_that_is_not_enough(name, needed):
    """Where a key is needed, the error says how it is given."""
    with pytest.raises(ConfigurationError, match=f"client_auth={needed}"):
        client_auth_from(name, server=server(), has_secret=False)


@pytest.mark.parametrize(
    "auth", [PrivateKeyJWT(FromEnv("KEY")), TLSClientAuth("c.pem")], ids=repr
)
def test_never_two_at_once(auth):
    """A secret beside a key is refused before anything is sent (RFC 6749 2.3)."""
    with pytest.raises(ConfigurationError, match="in one way at a time"):
        client_auth_from(auth, server=server(), has_secret=True)
    assert client_auth_from(auth, server=server(), has_secret=False) is auth


@pytest.mark.parametrize(
    "name", ["client_secret", "client_assertion", "client_assertion_type"]
)
def test_no_second_proof_among_the_extra_parameters(name):
    """What proves the client comes from one place (RFC 6749 section 2.3)."""
    with pytest.raises(ConfigurationError, match=f"extra holds {name}, which proves"):
        ClientCredentials(
            "https://auth.example.com",
            client_id="id",
            client_secret="s",
            extra={name: "x"},
        )


@pytest.mark.parametrize("wrong", [ClientSecretBasic, 5, object()])
def test_neither_name_nor_object(wrong):
    """A class in place of an object is found before a request is made."""
    with pytest.raises(ConfigurationError, match="neither a method's name"):
        client_auth_from(wrong, server=server(), has_secret=True)


def test_own_object():
    """Anything with the protocol's two members is taken, with or without a secret."""

    class Signed:
        method = "private_key_jwt"

        def apply(self, draft):
            draft.params["client_assertion"] = Secret("jwt")

    mine = Signed()
    assert isinstance(mine, ClientAuth)
    for has_secret in (True, False):
        found = client_auth_from(mine, server=server(), has_secret=has_secret)
        assert found is mine


_ALL = [
    ClientSecretBasic(),
    ClientSecretBasic(raw=True),
    ClientSecretPost(),
    ClientSecretJWT(),
    ClientSecretJWT(audience="issuer"),
    NoClientAuth(),
    PrivateKeyJWT(FromEnv("KEY")),
    PrivateKeyJWT(FromEnv("KEY"), algorithm="PS256", key_id="k", lifetime=60.0),
    PrivateKeyJWT(FromFile("/key")),
    TLSClientAuth(),
    TLSClientAuth("c.pem"),
    TLSClientAuth("c.pem", "k.pem"),
    SelfSignedTLSClientAuth("c.pem"),
]


@pytest.mark.parametrize("auth", _ALL, ids=repr)
def test_equal_hashable_picklable(auth):
    """They are values: equal by content, usable as keys, and they cross processes."""
    again = pickle.loads(pickle.dumps(auth))
    assert again == auth
    assert hash(again) == hash(auth)
    assert eval(repr(auth)) == auth
    assert [other for other in _ALL if other == auth] == [auth]
    assert len(set(_ALL)) == len(_ALL)
