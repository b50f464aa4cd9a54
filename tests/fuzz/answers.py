"""Laws of token answers: what is judged, what is kept of it, and what is told."""

import json
import math
import re
import string
from urllib.parse import urlencode

from hypothesis import strategies as st

from oauth_auth import errors
from oauth_auth.message import Response
from oauth_auth.protocol import Outcome, judge_token_response
from oauth_auth.secret import Secret
from oauth_auth.stores.base import Record, decode, encode
from oauth_auth.token import LONGEST_LIFE, Token
from tests.secrecy.pieces import PIECE

__all__ = ["answer_law", "answers", "case_of"]

NOW = 1_700_000_000.0
URL = "https://auth.example.com/token"
SPENT = "rt_Zk3fT9aQw7LpXn2Vb8RyHq7W"
CLIENT_SECRET = "Jt6Nf1Xs Kd4%Gu5/Bw0+Ye"
OLD = Token(
    "at_Uc3Rm8Sv1Td6Pk0Lh4Fz",
    refresh_token=SPENT,
    id_token="id_Ab5Cd9Ef2Gh7Ij1Kl6Mn",
    expires_at=NOW - 1,
    obtained_at=NOW - 3600,
    scope="read",
)
#: What an error may repeat of an answer (RFC 6749 section 5.2).
TOLD = ("error", "error_description", "error_uri")


def answer_law(status, headers, body, *, refreshing):
    """Whatever comes, it is judged, kept and told as it must be."""
    answer = judged(status, headers, body, refreshing=refreshing)
    token, error = answer.token, answer.error
    assert (answer.outcome is Outcome.GRANTED) == (error is None)
    if answer.outcome is Outcome.GRANTED:
        assert token is not None
        assert token.access_token
    if answer.retry_after is not None:
        assert 0 <= answer.retry_after <= 3600
    if not 200 <= status < 300:
        assert token is None
    if token is not None:
        _token_law(token, refreshing=refreshing)
    members = _members(body)
    new = members.get("refresh_token")
    if 200 <= status < 300 and _grants(members) and _usable(new):
        assert token is not None
        assert token.refresh_token == new
    if error is not None:
        _error_law(error, members, status, headers, refreshing=refreshing)


def judged(status, headers, body, *, refreshing):
    """Return what the package makes of an answer."""
    return judge_token_response(
        Response(status, headers, body),
        url=URL,
        now=NOW,
        sent=[Secret(SPENT), Secret(CLIENT_SECRET)],
        previous=OLD if refreshing else None,
        auth_method="client_secret_post",
        refreshing=refreshing,
    )


def _token_law(token, *, refreshing):
    assert token.access_token or token.refresh_token
    if token.access_token is not None:
        assert re.fullmatch(r"[!-~]+", token.access_token)
    if refreshing:
        # RFC 6749 section 6: the old one goes on where no new one came.
        assert token.refresh_token
    for when in (token.expires_at, token.refresh_at):
        assert when is None or (
            math.isfinite(when) and NOW <= when <= NOW + LONGEST_LIFE
        )
    # What was judged can be saved, and comes back as it was.
    record = Record(generation=1, token=token)
    again = decode(Record, encode(record), "here")
    assert again == record
    assert type(again.token.expires_at) is type(token.expires_at)


def _members(body):
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _grants(members):
    return not members.get("error") and members.get("ok") is not False


def _usable(value):
    return isinstance(value, str) and value.isprintable() and value.strip() != ""


def _error_law(error, members, status, headers, *, refreshing):
    assert isinstance(error, errors.TokenEndpointError)
    text = told_by(error)
    assert len(str(error)) < 2000
    assert str(error).isprintable()
    told = _pieces(text)
    for secret in (SPENT, CLIENT_SECRET, *(_texts_of(OLD) if refreshing else ())):
        # With a space at its end it may be seven of its characters and ours.
        pieces = {piece for piece in _pieces(secret) if piece == piece.strip()}
        assert told.isdisjoint(pieces), text
    # Of a document only what RFC 6749 means for people is repeated.
    shown = {name: members[name] for name in (*TOLD, "ok") if name in members}
    known = _pieces(" ".join(map(_cleaned, shown.values())))
    if members:
        reduced = judged(
            status, headers, json.dumps(shown).encode(), refreshing=refreshing
        )
        known |= _pieces(told_by(reduced.error)) if reduced.error else set()
        known |= _pieces(URL) | _pieces(str(status))
    for name, value in members.items():
        if name not in TOLD:
            for part in _strings(value):
                assert not (told & _pieces(part)) - known, (text, part)


def told_by(error):
    """Return all that an error tells."""
    return f"{error} {error!r} {vars(error)!r} {errors.to_facts(error)!r}"


def _texts_of(token):
    return token.access_token, token.refresh_token, token.id_token


def _cleaned(value):
    return " ".join(str(value).split()) + " " + repr(value)


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _pieces(text):
    text = text.lower()
    return {text[i : i + PIECE] for i in range(len(text) - PIECE + 1)}


# -- cases -------------------------------------------------------------------------

_STATUSES = st.sampled_from(
    [200, 200, 200, 201, 204, 206, 301, 307, 400, 400, 401, 403, 408, 429, 500, 503]
) | st.integers(100, 999)
_TOKENS = st.text(
    f"{string.ascii_letters}{string.digits}._~+/=|-", min_size=8, max_size=40
)
_ODD = st.text(max_size=30) | st.sampled_from(["", " ", "\n", "\0", "\ud800", SPENT])
_NUMBERS = (
    st.integers()
    | st.floats()
    | st.integers(0, 4000).map(str)
    | st.sampled_from(["1e400", "-1", "nan", "0", "3600 ", "9" * 50, 10**400])
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
_WORDS = st.sampled_from(
    [
        "invalid_grant",
        "invalid_client",
        "invalid_request",
        "server_error",
        "temporarily_unavailable",
        "bad_refresh_token",
        "",
    ]
)
_ECHOES = st.builds(
    lambda before, secret, start, end, after: before + secret[start:end] + after,
    st.text(max_size=10),
    st.sampled_from([SPENT, CLIENT_SECRET, OLD.access_token]),
    st.integers(0, 10),
    st.integers(12, 40),
    st.text(max_size=10),
)


def _named(name, *strategies):
    return st.tuples(st.just(name), st.one_of(*strategies, _ODD, _JSON))


_MEMBERS = st.lists(
    st.one_of(
        _named("access_token", _TOKENS),
        _named("access_token", _TOKENS),
        _named("refresh_token", _TOKENS),
        _named("refresh_token", _TOKENS),
        _named("id_token", _TOKENS),
        _named("token_type", st.sampled_from(["Bearer", "bearer", "mac"])),
        _named("expires_in", _NUMBERS),
        _named("expires_at", _NUMBERS),
        _named("refresh_in", _NUMBERS),
        _named("scope", st.just("read write"), st.lists(_WORDS)),
        _named("error", _WORDS),
        _named("error_description", _ECHOES),
        _named("error_uri", _ECHOES, st.just("https://help.example/1")),
        _named("ok", st.booleans()),
        st.tuples(st.text(max_size=12), _JSON | _TOKENS),
    ),
    max_size=8,
).map(dict)


def _as_json(members):
    return json.dumps(members).encode("utf-8", "surrogatepass")


def _as_form(members):
    texts = {name: str(value) for name, value in members.items()}
    return urlencode(texts, errors="replace").encode()


def _cut(body, where):
    return body[: int(len(body) * where)]


_WHOLE = st.builds(_as_json, _MEMBERS) | st.builds(_as_form, _MEMBERS)
_BODIES = (
    _WHOLE
    | _WHOLE
    | st.builds(_cut, _WHOLE, st.floats(0, 1))
    | st.builds(lambda before, body: before + body, st.binary(max_size=6), _WHOLE)
    | st.builds(lambda text: f"<title>{text}</title>".encode("utf-8", "replace"), _ODD)
    | st.binary(max_size=80)
    | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"\xef\xbb\xbf{}"])
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/html", ""]),
        "retry-after": _ODD
        | _NUMBERS.map(str)
        | st.datetimes().map(lambda when: f"{when:%a, %d %b %Y %H:%M:%S GMT}"),
        "location": _ODD | st.just("https://login.example/?code=1"),
    },
)
#: The arguments of `answer_law`, but for `refreshing`.
answers = (_STATUSES, _HEADERS, _BODIES)


def case_of(data):
    """Read a case out of bytes, for a fuzzer that knows nothing but bytes."""
    status = (200, 200, 201, 307, 400, 401, 429, 500)[data[0] % 8] if data else 200
    headers = {}
    if data[1:2] and data[1] & 1:
        text, _, data = data[2:].partition(b"\n")
        headers["retry-after"] = text.decode("latin-1")
        body = data
    else:
        body = data[2:]
    return status, headers, body
