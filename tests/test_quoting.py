"""A server's words, made fit for an error message."""

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_auth.message import Response
from oauth_auth.quoting import describe_body, place, quoted, spellings
from oauth_auth.secret import FromEnv, Secret

_SECRETS = st.text(
    st.sampled_from("abcXYZ0189+/=&%~._- éÉ\n"), min_size=8, max_size=40
).filter(str.strip)

# No blanks: joining them may make a run that was none before.
_WORDS = st.text(st.characters(categories=["L", "N"]), max_size=50)


def words(text, *secrets):
    return quoted(Secret(text), spellings(map(Secret, secrets)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\r\n lines\tand \x1b[31mred\x07", "two lines and [31mred"),
        ("half \udcff surrogate", "half surrogate"),
        ("right-to-left \u202e mark", "right-to-left mark"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 197 + "..."),
        (" " * 2047 + "read, and no further", "r"),
        ("", ""),
    ],
)
def test_printable_and_short(text, expected):
    """Control characters are blanks, and a long text is cut and says so."""
    assert words(text) == expected


@pytest.mark.parametrize(
    "spell",
    [str, quote_plus, lambda text: quote(text, safe="")],
    ids=["plain", "plus", "percent"],
)
@settings(deadline=None)
@given(secret=_SECRETS, before=_WORDS, after=_WORDS)
def test_no_piece_of_a_secret(spell, secret, before, after):
    """M66: no spelling of a secret survives, nor any 8 characters of one."""
    found = words(f"{before}{spell(secret)}{after}", secret)
    assert "[hidden]" in found
    for start in range(len(spell(secret)) - 7):
        assert spell(secret)[start : start + 8] not in found


def test_hidden_reads_well():
    """A secret becomes one word, however long it is; a short one is hidden whole."""
    assert words("token 8xLOxBtZp8-abc is used", "8xLOxBtZp8-abc") == (
        "token [hidden] is used"
    )
    assert words("token 8xLOxBtZp8... is used", "8xLOxBtZp8-abc") == (
        "token [hidden]... is used"
    )
    assert words("pin 1234, not 123", "1234") == "pin [hidden], not 123"


def test_sources_that_cannot_be_read(monkeypatch):
    """A secret that cannot be read any more hides nothing and raises nothing."""
    monkeypatch.delenv("GONE", raising=False)

    class Broken:
        def reveal(self):
            raise RuntimeError

    found = spellings([None, FromEnv("GONE"), Broken(), Secret(""), Secret("a b")])
    assert [secret.reveal() for secret in found] == ["a b", "a+b", "a%20b"]


@pytest.mark.parametrize(
    ("body", "at_500", "at_200"),
    [
        (b"", "an empty body", "an empty body"),
        (b" " * 3000, "a blank body (3000 bytes)", "a blank body (3000 bytes)"),
        (
            b"<!doctype html><title>502 Bad\nGateway</title><p>nginx",
            "not JSON (looks like HTML, 53 bytes): 502 Bad Gateway",
            "not JSON (looks like HTML, 53 bytes)",
        ),
        (
            b"\xef\xbb\xbf <h1>No</h1><script>steal()</script><b>way</b>",
            "not JSON (looks like HTML, 49 bytes): No way",
            "not JSON (looks like HTML, 49 bytes)",
        ),
        (
            b'<?xml version="1.0"?><e><m>down</m></e>',
            "not JSON (looks like XML, 39 bytes): down",
            "not JSON (looks like XML, 39 bytes)",
        ),
        (
            b"upstream timed out",
            "not JSON (18 bytes): upstream timed out",
            "not JSON (18 bytes)",
        ),
        (
            b'{"access_token": "eyJ',
            "not an OAuth answer (looks like JSON, 21 bytes)",
            "not an OAuth answer (looks like JSON, 21 bytes)",
        ),
        (
            b'["eyJ"]',
            "not an OAuth answer (looks like JSON, 7 bytes)",
            "not an OAuth answer (looks like JSON, 7 bytes)",
        ),
        (
            b"token=eyJ&x=1",
            "not an OAuth answer (looks like a form, 13 bytes)",
            "not an OAuth answer (looks like a form, 13 bytes)",
        ),
        (
            b"here is your access_token : eyJ",
            "not JSON (31 bytes)",
            "not JSON (31 bytes)",
        ),
    ],
)
def test_describe_body(body, at_500, at_200):
    """M29: a body is described, and quoted only where it can hold no token."""
    assert describe_body(Response(500, {}, body), ()) == at_500
    assert describe_body(Response(200, {}, body), ()) == at_200


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([200, 400, 500]))
def test_describe_any_body(body, status):
    """Any bytes are described, in printable words."""
    found = describe_body(Response(status, {}, body), ())
    assert found.isprintable()
    assert len(found) < 300


@pytest.mark.parametrize("body", [b"<" * 1_000_000, b"<title" * 200_000, b"<a>" * 9999])
def test_large_markup(body):
    """A page full of brackets is described without reading all of it."""
    assert describe_body(Response(500, {}, body), ()).startswith(
        "not JSON (looks like H"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/token", "https://a.example/token"),
        ("https://a.example:8443/t?key=hush#f", "https://a.example:8443/t"),
        ("https://user:hush@a.example/t", "https://a.example/t"),
        ("https://[a/t", "the endpoint"),
    ],
)
def test_place(url, expected):
    """A URL in a message has no user information, query or fragment."""
    assert place(url) == expected
