"""Objects that are printed or pickled tell no secret."""

import copy
import pickle
import pprint

import pytest

from oauth_auth import (
    AuthorizationServer,
    ClientCredentials,
    FileStore,
    FromEnv,
    HttpOptions,
    OAuthAuth,
    errors,
)
from oauth_auth.origins import Origins
from oauth_auth.stores.keys import new_key
from tests.secrecy.objects import make
from tests.secrecy.pieces import assert_untold


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The objects, and their secrets."""
    return make(tmp_path_factory.mktemp("objects"))


NAMES = [
    "Assertion",
    "AuthenticatedRequest",
    "AuthorizationServer",
    "Bearer",
    "Call",
    "ClientAssertion",
    "ClientCredentials",
    "Draft",
    "Failure",
    "FileStore",
    "FileTransaction",
    "Flight",
    "FromCallable",
    "Held",
    "Hidden",
    "HttpOptions",
    "Identifier",
    "JWTBearer",
    "JWTBearer with a JWT",
    "Journal",
    "Key",
    "KeyChain",
    "Mark",
    "Members",
    "MemoryStore",
    "OAuth2",
    "OAuth2Session",
    "OAuthAuth",
    "OAuthAuth in a FileStore",
    "OAuthAuth of a copy",
    "Password",
    "PresentedToken",
    "PrivateKeyJWT",
    "Reach",
    "Record",
    "Record of the id key",
    "RecordFiles",
    "RefreshToken",
    "Request",
    "Response",
    "SAML2Bearer",
    "Sealer",
    "Secret",
    "ServiceAccount",
    "SessionGrant",
    "SharedLogin",
    "SigningKey",
    "Terms",
    "Token",
    "TokenAnswer",
    "TokenExchange",
    "TokenRequest",
    "TokenSource",
    "Watch",
]


def test_all_objects_are_looked_at(made):
    """The list of names is the list of objects."""
    assert sorted(made[0]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_tells_nothing(made, name):
    """Neither repr, str and format nor the repr of an object's attributes. M66."""
    objects, secrets = made
    value = objects[name]
    told = [repr(value), str(value), f"{value}", f"{value!a}", pprint.pformat(value)]
    told += [repr(getattr(value, "__dict__", None)), repr([value]), repr({"k": value})]
    assert_untold("\n".join(told), secrets)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "Record of the id key"])
def test_what_pickles_unsealed_tells_nothing(made, name):
    """An object with a secret in it is sealed, or refuses to be pickled. M66."""
    objects, secrets = made
    value = objects[name]
    told = []
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            told.append(pickle.dumps(value, protocol).decode("latin-1"))
        except (
            AttributeError,  # what pickle raises for a function within a function
            TypeError,
            pickle.PicklingError,
            errors.ConfigurationError,
        ) as error:
            told.append(f"{error!r} {vars(error)!r}")
    assert len(told) == pickle.HIGHEST_PROTOCOL + 1
    assert_untold("\n".join(told), secrets)


def test_options_with_a_password_are_sealed_or_stay():
    """A proxy's password is no part of a pickle, and goes with the sealed object."""
    options = HttpOptions(proxy="http://me:Zk3fT9aQw7Lp@proxy.example:3128")
    with pytest.raises(
        errors.ConfigurationError, match="pickle the OAuthAuth"
    ) as error:
        pickle.dumps(options)
    assert "Zk3fT9" not in str(error.value)
    assert copy.copy(options) is copy.deepcopy(options) is options
    plain = HttpOptions(proxy="http://proxy.example:3128", verify=False)
    assert pickle.loads(pickle.dumps(plain)) == plain


def test_a_sealed_object_keeps_the_password_of_its_proxy(monkeypatch, tmp_path):
    """What the pickle of an OAuthAuth brings back is what went in. M66."""
    monkeypatch.setenv("SEALING_KEY", new_key().reveal())
    options = HttpOptions(proxy="http://me:Zk3fT9aQw7Lp@proxy.example:3128")
    grant = ClientCredentials("https://auth.test", client_id="c", client_secret="s")
    store = FileStore(tmp_path, keys=FromEnv("SEALING_KEY"))
    data = pickle.dumps(OAuthAuth(grant, store=store, http=options))
    assert b"Zk3fT9" not in data
    assert pickle.loads(data)._http == options


@pytest.mark.parametrize("password", ["Zk3f@T9aQw7", "Zk3f/T9aQw7", "Zk3fT9aQw7#"])
def test_odd_passwords_in_urls_are_hidden_as_a_whole(password):
    """A character that ends other parts of a URL does not end the password. M66."""
    url = f"http://me:{password}@proxy.example:x"
    told = [repr(HttpOptions(proxy=url))]
    for build in (
        lambda: AuthorizationServer(url),
        lambda: AuthorizationServer(token_endpoint=url.replace("http", "ftp")),
        lambda: Origins([url]),
    ):
        with pytest.raises(errors.ConfigurationError) as error:
            build()
        told.append(str(error.value))
    assert not any(part in " ".join(told) for part in ("Zk3f", "T9aQw7"))
