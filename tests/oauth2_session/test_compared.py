"""Both classes, call by call: the same requests, the same results, the same errors.

What differs on purpose is in `DIFFERENCES`, or in a scenario of its own, and each is
listed in docs/migrating.md.
"""

import inspect
import sys
import time
from functools import partial
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from oauthlib.oauth2 import (
    BackendApplicationClient,
    DeviceClient,
    LegacyApplicationClient,
    MobileApplicationClient,
    OAuth2Error,
    ServiceApplicationClient,
    WebApplicationClient,
)

import oauth_auth
from tests.http_clients.api import Reply
from tests.oauth2_session.endpoint import Endpoint, json_reply, refusal

original = pytest.importorskip("requests_oauthlib")

CODE = "Zk3fT9aQw7LpXn2Vb8Ry"
#: Parameters that requests-oauthlib puts into the form of a refresh though they belong
#: to the request before which it is done.
DIFFERENCES = {
    "allow_redirects",
    "params",
    "json",
    "cert",
    "stream",
    "hooks",
    "cookies",
}
#: Header fields that say what a server does with a request.
TELLING = ("authorization", "accept", "content-type", "user-agent", "x-a")


@pytest.fixture(autouse=True)
def _as_the_original_needs_it(monkeypatch, watch_off):
    """It logs every token, and refuses loopback."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr("requests_oauthlib.oauth2_session.log", mock.Mock())
    # With PyJWT a ServiceApplicationClient signs; a double will do.
    signer = mock.Mock(**{"encode.return_value": "s1gned-assertion-0001"})
    monkeypatch.setitem(sys.modules, "jwt", signer)


# -- scenarios: each gets a package and an endpoint, and returns what a script sees --


def authorization_url(package, endpoint):
    session = package.OAuth2Session("id", redirect_uri="https://me", scope=["a", "b"])
    return session.authorization_url("https://a.example/x?y=z", state="s", hint="h")


def authorization_url_of_an_implicit_grant(package, endpoint):
    client = MobileApplicationClient("id")
    session = package.OAuth2Session(client=client, state="s")
    return session.authorization_url("https://a.example/x"), session._state


def fetch(**options):
    def scenario(package, endpoint):
        client = options.get("client", WebApplicationClient)("id")
        session = package.OAuth2Session(
            client=client, redirect_uri="https://me", scope=options.get("scope")
        )
        given = {"code": CODE} if type(client) is WebApplicationClient else {}
        arguments = {**given, **options.get("arguments", {})}
        endpoint.extra = options.get("extra", {})
        endpoint.answers = list(options.get("answers", []))
        token = session.fetch_token(endpoint.token_url, **arguments)
        assert token is session.token
        return dict(token), session.get(endpoint.url).status_code, session.authorized

    return scenario


def fetch_by_response(package, endpoint):
    session = package.OAuth2Session("id", redirect_uri="https://me", state="s")
    session.authorization_url("https://a.example")
    back = f"https://me/?code={CODE}&state=s"
    return session.fetch_token(endpoint.token_url, authorization_response=back)


def fetch_for_another_login(package, endpoint):
    session = package.OAuth2Session("id", state="s")
    session.fetch_token(endpoint.token_url, authorization_response="https://me/?code=c")


def fetch_a_refusal_by_response(package, endpoint):
    session = package.OAuth2Session("id")
    back = "https://me/?error=access_denied"
    session.fetch_token(endpoint.token_url, authorization_response=back)


def refresh(**options):
    def scenario(package, endpoint):
        session = package.OAuth2Session(
            "id", token=endpoint.issue(), scope=options.get("scope")
        )
        endpoint.extra = options.get("extra", {})
        endpoint.answers = list(options.get("answers", []))
        return session.refresh_token(endpoint.token_url, **options.get("arguments", {}))

    return scenario


def refresh_automatically(**options):
    def scenario(package, endpoint):
        saved = []
        session = package.OAuth2Session(
            "id",
            token=endpoint.issue(expired=True),
            scope=options.get("scope"),
            auto_refresh_url=endpoint.token_url,
            auto_refresh_kwargs={"client_id": "id", "client_secret": "s3cretive"},
            token_updater=saved.append,
        )
        endpoint.answers = list(options.get("answers", []))
        response = session.get(endpoint.url, **options.get("arguments", {}))
        return response.status_code, saved, dict(session.token)

    return scenario


def refresh_without_updater(package, endpoint):
    session = package.OAuth2Session(
        "id", token=endpoint.issue(expired=True), auto_refresh_url=endpoint.token_url
    )
    with pytest.raises(package.TokenUpdated) as caught:
        session.get(endpoint.url)
    return caught.value.token, session.get(endpoint.url).status_code


def expired(package, endpoint):
    session = package.OAuth2Session("id", token=endpoint.issue(expired=True))
    session.get(endpoint.url)


def request(**options):
    def scenario(package, endpoint):
        token = options.get("token", {"access_token": "abcd"})
        endpoint.valid.add("abcd")
        client = WebApplicationClient("id", **options.get("client", {}))
        session = package.OAuth2Session(client=client, token=token)
        session.headers["User-Agent"] = "mine"
        for hook in options.get("hooks", []):
            session.register_compliance_hook("protected_request", hook)
        arguments = {"method": "POST", **options.get("arguments", {})}
        return session.request(url=endpoint.url, **arguments).status_code

    return scenario


def hooks_at_every_step(package, endpoint):
    seen = []

    def note(*arguments):
        seen.append([type(argument).__name__ for argument in arguments])
        return arguments if len(arguments) > 1 else arguments[0]

    session = package.OAuth2Session("id", auto_refresh_url=endpoint.token_url)
    session.token_updater = seen.append
    for kind in session.compliance_hook:
        session.register_compliance_hook(kind, note)
    session.fetch_token(endpoint.token_url, code=CODE)
    session.token = {**session.token, "expires_at": time.time() - 10}
    session.get(endpoint.url)
    # The original calls this one before it renews, with the old token; ours after.
    order = [each for each in seen if each != ["str", "NoneType", "NoneType"]]
    return order, len(seen)


def static(**options):
    def scenario(package, endpoint):
        client = WebApplicationClient("id", **options)
        auth = package.OAuth2(client=client, token={"access_token": "abcd"})
        endpoint.valid.add("abcd")
        answer = requests.post(endpoint.url, data={"a": "b"}, auth=auth, timeout=30)
        return answer.status_code

    return scenario


def static_without_token(package, endpoint):
    requests.get(endpoint.url, auth=package.OAuth2("id"), timeout=30)


def wrong_hook(package, endpoint):
    package.OAuth2Session("id").register_compliance_hook("no", print)


def wrong_pkce(package, endpoint):
    package.OAuth2Session("id", pkce="no")


def no_token_url(package, endpoint):
    package.OAuth2Session("id").refresh_token("")


NO_TOKEN = [
    refusal("invalid_grant", error_description="no"),
    refusal("invalid_client", 401),
    refusal("unsupported_grant_type"),
    refusal("access_denied"),
    refusal("login_required"),
    refusal("odd_code"),
    refusal("server_error", 500),
    json_reply({}),
    Reply(500, (), b"<html>oops</html>"),
    Reply(200, (), b""),
]
SCENARIOS = {
    "authorization_url": authorization_url,
    "implicit": authorization_url_of_an_implicit_grant,
    "fetch": fetch(),
    "fetch with secret": fetch(arguments={"client_secret": "s3cretive"}),
    "fetch with id": fetch(
        arguments={"client_secret": "s3cretive", "include_client_id": True}
    ),
    "fetch without id": fetch(arguments={"include_client_id": False}),
    "fetch with empty secret": fetch(
        arguments={"client_secret": "", "include_client_id": True}
    ),
    "fetch with auth": fetch(arguments={"auth": ("u", "p")}),
    "fetch with auth and id": fetch(
        arguments={"auth": ("u", "p"), "include_client_id": True}
    ),
    "fetch with more": fetch(
        arguments={"x": "y", "body": "a=b", "headers": {"X-A": "c"}}
    ),
    "fetch by GET": fetch(arguments={"method": "GET"}),
    "fetch in the query": fetch(arguments={"force_querystring": True}),
    "fetch by PUT": fetch(arguments={"method": "PUT"}),
    "fetch with user": fetch(arguments={"username": "u", "password": "p"}),
    "fetch without code": fetch(arguments={"code": None}),
    "fetch for a machine": fetch(client=BackendApplicationClient),
    "fetch by password": fetch(
        client=LegacyApplicationClient, arguments={"username": "u", "password": "p"}
    ),
    "fetch by half a password": fetch(
        client=LegacyApplicationClient, arguments={"username": "u"}
    ),
    "fetch by device": fetch(
        client=DeviceClient, arguments={"device_code": "d3vice-code-0001"}
    ),
    "fetch by assertion": fetch(
        client=partial(ServiceApplicationClient, issuer="i", audience="a"),
        arguments={"private_key": "k", "subject": "s"},
    ),
    "fetch with scope": fetch(extra={"scope": "a b"}, scope=["b", "a"]),
    "fetch for ever": fetch(extra={"expires_in": None}),
    "fetch with 0": fetch(extra={"expires_in": 0}),
    "fetch by response": fetch_by_response,
    "fetch for another": fetch_for_another_login,
    "fetch a refusal": fetch_a_refusal_by_response,
    **{f"fetch {n}": fetch(answers=[reply]) for n, reply in enumerate(NO_TOKEN)},
    "refresh": refresh(),
    "refresh with more": refresh(
        scope=["a"],
        arguments={"auth": ("u", "p"), "headers": {"X-A": "b"}, "x": "y"},
    ),
    "refresh without rotation": refresh(extra={"refresh_token": None}),
    "refresh a spent one": refresh(arguments={"refresh_token": "spent"}),
    **{f"refresh {n}": refresh(answers=[reply]) for n, reply in enumerate(NO_TOKEN)},
    "auto": refresh_automatically(),
    "auto with scope": refresh_automatically(scope=["a", "b"]),
    "auto with client": refresh_automatically(
        arguments={"client_id": "u", "client_secret": "p"}
    ),
    "auto with options": refresh_automatically(
        arguments={"timeout": 30, "params": {"a": "b"}, "headers": {"X-A": "b"}}
    ),
    **{
        # An answer that may have been lost is asked for once more.
        f"auto {n}": refresh_automatically(answers=[reply] * 2)
        for n, reply in enumerate(NO_TOKEN)
    },
    "auto without updater": refresh_without_updater,
    "expired": expired,
    "request": request(),
    "request with data": request(arguments={"data": {"a": "b"}}),
    "request with headers": request(arguments={"headers": {"X-A": "b"}}),
    "request with another": request(arguments={"headers": {"Authorization": "x"}}),
    "request with auth": request(arguments={"auth": ("u", "p")}),
    "request withheld": request(arguments={"withhold_token": True}),
    "request in the query": request(client={"default_token_placement": "query"}),
    "request in the body": request(
        client={"default_token_placement": "body"}, arguments={"data": "a=b"}
    ),
    "request nowhere": request(client={"default_token_placement": "no"}),
    "request of odd type": request(token={"access_token": "abcd", "token_type": "odd"}),
    "request without": request(token={}),
    "request hooked": request(hooks=[lambda u, h, d: (f"{u}?a=b", {"X-A": "c"}, "d")]),
    "hooks": hooks_at_every_step,
    "static": static(),
    "static in the query": static(default_token_placement="query"),
    "static without": static_without_token,
    "wrong hook": wrong_hook,
    "wrong pkce": wrong_pkce,
    "no token url": no_token_url,
}


def outcome(scenario, package, api):
    """Return what a script and its server see of a scenario."""
    endpoint = Endpoint(api, seed=1)
    try:
        result = scenario(package, endpoint)
    except Exception as error:
        result = error
    return result, [_seen(request) for request in api.seen]


def _seen(request):
    parts = urlsplit(request.path)
    form = parse_qsl(request.body.decode(), keep_blank_values=True)
    return (
        request.method,
        parts.path,
        sorted(parse_qsl(parts.query)),
        sorted(pair for pair in form if pair[0] not in DIFFERENCES),
        {name: request.headers.get(name) for name in TELLING},
    )


def _comparable(value, origin):
    if isinstance(value, dict):
        value = dict(value)
        if "expires_at" in value:
            value["expires_at"] = pytest.approx(value["expires_at"], abs=60)
        return value
    if isinstance(value, list | tuple):
        return [_comparable(each, origin) for each in value]
    return value


@pytest.mark.parametrize("name", SCENARIOS)
def test_same(name, serve):
    """A scenario comes to the same, whichever package the import names."""
    mine, theirs = serve(), serve()
    result, seen = outcome(SCENARIOS[name], oauth_auth, mine)
    expected, their_seen = outcome(SCENARIOS[name], original, theirs)
    if isinstance(expected, Exception):
        assert isinstance(result, _kind(expected)), (result, expected)
    else:
        assert not isinstance(result, Exception), result
        assert _comparable(expected, theirs.origin) == _comparable(result, mine.origin)
    if name in REPLAYED:
        # The answer may have been lost on the way, and the refresh token be spent.
        assert seen.pop(1) == seen[0]
    assert seen == their_seen


@pytest.mark.parametrize("name", ["OAuth2Session", "OAuth2", "TokenUpdated"])
def test_same_signatures(name):
    """All that is public is there, and takes the same arguments in the same places."""
    mine, theirs = getattr(oauth_auth, name), getattr(original, name)
    assert issubclass(mine, theirs.__mro__[1])
    for member in ["__init__", *(each for each in vars(theirs) if each[0] != "_")]:
        expected = inspect.getattr_static(theirs, member)
        found = inspect.getattr_static(mine, member)
        if isinstance(expected, property):
            assert isinstance(found, property), member
            for accessor in ("fset", "fdel"):
                assert getattr(found, accessor) or not getattr(expected, accessor)
            continue
        given = _parameters(expected)
        taken = _parameters(found)
        assert taken[: len(given)] == given, member
        # What comes on top is taken by name alone.
        assert all(kind == "KEYWORD_ONLY" for _, kind, _ in taken[len(given) :])


def _parameters(function):
    """Return what a function takes, but for ``*args`` and ``**kwargs``."""
    return [
        (each.name, each.kind.name, each.default)
        for each in inspect.signature(function).parameters.values()
        if each.kind.name[:4] != "VAR_"
    ]


#: Answers that say nothing about the refresh token.
REPLAYED = {"auto 6", "auto 7", "auto 8", "auto 9"}


def _kind(expected):
    """Return the class that scripts catch."""
    kind = type(expected)
    if isinstance(expected, OAuth2Error):
        assert kind.__module__.startswith("oauthlib")
    return kind
