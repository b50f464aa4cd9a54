"""`oauth-auth request`: curl with a profile's token, which goes only where it may."""

import json

import pytest

from oauth_auth.cli.standing import record_of
from tests.cli.commands import expire, logged_in, run, saved


def test_get(work, server):
    """The API's answer is standard output, byte for byte."""
    done = run("request", "GET", f"{server.api_url}/x?a=1")
    answer = json.loads(done.stdout)
    assert (answer["method"], answer["path"], answer["sub"]) == (
        "GET",
        "/api/x",
        "alice",
    )
    assert done.stderr == ""


def test_methods_are_upper_case(work, server):
    """ "delete" is understood, too."""
    assert json.loads(run("request", "delete", server.api_url).stdout)["method"] == (
        "DELETE"
    )


def test_data(work, server, tmp_path):
    """-d sends a form, @FILE a file's bytes, @- the input."""
    (tmp_path / "body").write_bytes(b"\0\1\2")
    for data, length in (("a=1&b=2", 7), (f"@{tmp_path}/body", 3), ("@-", 5)):
        done = run("request", "POST", server.api_url, "-d", data, input="hello")
        assert json.loads(done.stdout)["body_length"] == length
    gone = run("request", "POST", server.api_url, "-d", "@/no/such/file", code=2)
    assert "/no/such/file" in gone.stderr


def test_json(work, server):
    """--json sends JSON, and says so; with -d it is not understood."""
    done = run("request", "POST", server.api_url, "--json", '{"a": 1}')
    assert json.loads(done.stdout)["body_length"] == 8
    run("request", "POST", server.api_url, "--json", "1", "-d", "2", code=2)


@pytest.fixture
def echoed(monkeypatch):
    """Header fields that httpx2 is given."""
    import httpx2

    seen = {}
    original = httpx2.Client.request

    def request(self, method, url, **options):
        seen.update(options["headers"])
        return original(self, method, url, **options)

    monkeypatch.setattr(httpx2.Client, "request", request)
    return seen


def test_headers(work, server, echoed):
    """-H is repeated, and stands above what a body implies."""
    fields = ["-H", "X-One: 1", "-H", "Content-Type: text/plain", "-H", "X-Colon: a:b"]
    run("request", "POST", server.api_url, "--json", "1", *fields)
    assert echoed == {
        "x-one": "1",
        "content-type": "text/plain",
        "x-colon": "a:b",
        "accept": "application/json",
    }


@pytest.mark.parametrize("header", ["nonsense", ": x", "Authorization: Bearer x"])
def test_headers_that_cannot_be(work, server, header):
    """What is no field, and the one that is the token's, are refused."""
    run("request", "GET", server.api_url, "-H", header, code=2)
    assert server.api_log() == ()


def test_include(work, server):
    """-i prints status and header before the body."""
    head, _, body = run("request", "GET", server.api_url, "-i").stdout.partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert "content-type: application/json" in head
    assert json.loads(body)["sub"] == "alice"


@pytest.mark.parametrize(
    ("status", "code"), [(302, 30), (404, 40), (500, 50), (204, 0)]
)
def test_the_exit_code_tells_the_status_class(work, server, status, code):
    """2xx is 0; the others are told apart. The body is printed all the same."""
    server.api_faults.answer(status, body=b"" if status == 204 else b'{"x": 1}')
    done = run("request", "GET", server.api_url, code=code)
    assert done.stdout == ("" if status == 204 else '{"x": 1}')


def test_the_token_is_renewed(work, server):
    """Before the request if it has expired, and after a 401."""
    expire(work)
    run("request", "GET", server.api_url)
    server.revoke_access_tokens()
    run("request", "GET", server.api_url)
    assert server.counts().api_ok == 2


def test_the_token_goes_only_where_it_may(home, server):
    """Another origin is refused, and how to allow it is said; nothing is sent."""
    logged_in(server, "work", allowed_origins=["https://api.example.com"])
    done = run("request", "GET", server.api_url, code=2)
    assert f"--allow-origin {server.issuer}" in done.stderr
    assert server.api_log() == ()


def test_the_token_is_not_sent_in_clear(work):
    """Plain http to another machine is refused."""
    done = run("request", "GET", "http://api.example.com/", code=2)
    assert "in clear" in done.stderr


def test_the_profile_is_chosen_by_where_its_token_may_go(work, server):
    """Of several the one whose origins have the URL is meant; else one is named."""
    logged_in(server, "fitting", account="me", allowed_origins=[server.issuer])
    run("request", "GET", server.api_url)
    done = run("request", "GET", "https://api.example.com/", code=2)
    assert "--profile" in done.stderr
    run("request", "GET", server.api_url, "--profile", "work")
    assert "make one" not in done.stderr


def test_the_profile_is_named_by_a_variable(work, server, monkeypatch):
    """OAUTH_AUTH_PROFILE names it, as for `OAuthAuth.from_env()`."""
    saved(server, "other", account="me")
    monkeypatch.setenv("OAUTH_AUTH_PROFILE", "work")
    run("request", "GET", server.api_url)
    run("request", "GET", server.api_url, "--profile", "other", code=3)


def test_a_wildcard_counts(home, server):
    """An origin that a wildcard covers chooses the profile, and is allowed."""
    saved(server, "work", account="a", allowed_origins=["https://*.example.com"])
    saved(server, "other", account="b", allowed_origins=["https://other.example"])
    done = run("request", "GET", "https://api.example.com/", code=3)
    assert "oauth-auth login work" in done.stderr
    url = "https://a.b.example.com/"
    done = run("request", "GET", url, "--profile", "work", code=2)
    assert "may not go to https://a.b.example.com" in done.stderr


def test_without_any_profile(home):
    """How to make one is said."""
    done = run("request", "GET", "https://api.example.com/", code=2)
    assert "oauth-auth login NAME" in done.stderr


def test_a_redirect_is_not_followed(work, server):
    """The token does not travel on."""
    url = f"{server.redirect_url}?to={server.api_url}"
    done = run("request", "GET", url, "-i", code=30)
    assert f"location: {server.api_url}" in done.stdout
    assert [request.path for request in server.api_log()] == ["/redirect"]


def test_an_api_that_is_down(work):
    """No answer is exit code 4, and the token is in no message."""
    done = run("request", "GET", "http://127.0.0.1:1/x", code=4)
    assert "http://127.0.0.1:1" in done.stderr
    assert record_of(work)[1].token.access_token not in done.output


def test_an_api_that_takes_too_long(work, server):
    """--timeout ends the wait, with exit code 4."""
    server.api_faults.delay(before=5)
    run("request", "GET", server.api_url, "--timeout", "0.2", code=4)


@pytest.mark.parametrize("url", ["nonsense", "ftp://example.com/", "https://[::1", ""])
def test_what_is_no_url(work, url):
    """It is refused before anything is sent."""
    assert "no URL" in run("request", "GET", url, code=2).stderr


def test_nobody_is_logged_in(home, server):
    """Exit code 3, and nothing is sent."""
    saved(server, "new")
    done = run("request", "GET", server.api_url, "--profile", "new", code=3)
    assert "oauth-auth login new" in done.stderr
    assert server.api_log() == ()
