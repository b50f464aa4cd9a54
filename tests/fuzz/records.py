"""Laws of what a store keeps: records, marks, journals; sealed, and in files."""

import json

import pytest
from hypothesis import strategies as st

from oauth_auth import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.base import FORMAT, Journal, Mark, Record, decode, encode
from oauth_auth.stores.keys import KeyChain, new_key
from oauth_auth.stores.sealing import Sealer
from oauth_auth.token import Token

__all__ = [
    "SEALED",
    "SEALER",
    "TEXT",
    "kept",
    "kept_law",
    "sealed_law",
    "text_law",
    "texts",
]

SEALER = Sealer(KeyChain(new_key(), None))
TEXT = Secret("Zk3fT9aQw7LpXn2Vb8Ry" * 3)
SEALED = SEALER.seal("record", "r", TEXT)
_KINDS = (Record, Mark, Journal)


def kept_law(value):
    """What is written is read back as it was, and as nothing else."""
    text = encode(value)
    again = decode(type(value), text, "here")
    assert again == value
    assert repr(again) == repr(value)
    assert [type(part) for part in again] == [type(part) for part in value]
    for other in _KINDS:
        if other is not type(value):
            assert decode(other, text, "here") is None


def text_law(kind, text):
    """Any text is read as None, or as a value that has its place among generations."""
    try:
        value = decode(kind, Secret(text), "here")
    except errors.TokenStoreError:
        assert json.loads(text)["format"] > FORMAT
        return
    if value is not None:
        assert type(value) is kind
        assert int(value.generation) is not None


def sealed_law(kind, name, sealed):
    """What this sealer has not sealed as just this is not opened."""
    with pytest.raises(errors.TokenStoreError) as caught:
        SEALER.unseal(kind, name, sealed, "here")
    assert caught.value.__cause__ is caught.value.__context__ is None
    if not isinstance(caught.value, errors.StoreCorrupt | errors.KeyMismatch):
        # A newer format's, with a right checksum.
        assert sealed[:4] != SEALED[:4]


# -- cases -------------------------------------------------------------------------

_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
_TIME = st.floats(0, 1e11) | st.integers(0, 10**11)
_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
_OBJECTS = st.dictionaries(_TEXT, _PLAIN, max_size=4)
_SOME_TEXT = _TEXT.filter(bool)
_TOKENS = st.builds(
    Token,
    st.none() | _SOME_TEXT,
    token_type=_TEXT,
    expires_at=st.none() | _TIME,
    obtained_at=_TIME,
    refresh_token=st.none() | _SOME_TEXT,
    scope=st.none() | _TEXT,
    id_token=st.none() | _SOME_TEXT,
    refresh_at=st.none() | _TIME,
    extra=_OBJECTS,
)
_GENERATIONS = st.integers(0, 10**15)
#: Records, marks and journals as there may be.
kept = (
    st.builds(
        Record,
        lineage=_TEXT,
        generation=_GENERATIONS,
        token=st.none() | _TOKENS,
        logged_out=st.booleans(),
        configuration=_TEXT,
        about=st.dictionaries(_TEXT, _TEXT, max_size=3),
        claims=st.lists(_TEXT, max_size=3).map(tuple),
        rejections=st.lists(st.tuples(_TEXT, _TIME), max_size=2).map(tuple),
        document=st.none() | _OBJECTS,
    )
    | st.builds(
        Mark,
        kind=st.sampled_from(["hold", "refused"]),
        generation=_GENERATIONS,
        written_at=_TIME,
        duration=_TIME,
        error=_OBJECTS,
        failures=st.integers(1, 100),
        in_doubt=st.booleans(),
    )
    | st.builds(
        Journal,
        generation=_GENERATIONS,
        fingerprint=_TEXT,
        written_at=_TIME,
        in_flight_until=_TIME,
    )
)


def _altered(value, name, change):
    data = json.loads(encode(value).reveal())
    names = sorted(data)
    if change == "gone":
        del data[names[name % len(names)]]
    else:
        data[names[name % len(names)]] = change
    return json.dumps(data)


_CHANGES = st.just("gone") | _PLAIN | st.sampled_from([2, "1", 1.0, True, -1, 10**400])
#: The arguments of `text_law`.
texts = (
    st.sampled_from(_KINDS),
    st.builds(_altered, kept, st.integers(0, 20), _CHANGES)
    | _PLAIN.map(json.dumps)
    | st.text(max_size=40)
    | st.sampled_from(["[" * 100_000, '{"format":' * 10_000]),
)
