"""Sealing: what opens what, and what damage looks like."""

import os

import pytest

from oauth_auth import errors
from oauth_auth.secret import Secret
from oauth_auth.stores.keys import KeyChain, new_key
from oauth_auth.stores.sealing import Sealer

FIRST, SECOND = new_key(), new_key()
TEXT = Secret("s3cret é \N{KEY}")


def sealer(*keys):
    return Sealer(KeyChain(keys, None))


def test_what_is_sealed_is_opened_by_all_who_have_the_key():
    """The newest key seals, any of them unseals."""
    sealed = sealer(FIRST, SECOND).seal("record", "r", TEXT)
    for other in (sealer(SECOND), sealer(SECOND, FIRST), sealer(FIRST, SECOND)):
        assert other.unseal("record", "r", sealed, "here") == TEXT
    with pytest.raises(errors.KeyMismatch):
        sealer(FIRST).unseal("record", "r", sealed, "here")


def test_the_same_text_is_never_sealed_alike():
    """A nonce that came twice would give both texts away."""
    assert len({sealer(FIRST).seal("record", "r", TEXT) for _ in range(100)}) == 100


def test_nothing_of_the_text_is_to_be_seen():
    """Neither as it is nor in a repr."""
    text = Secret("s3cret" * 1000)
    sealed = sealer(FIRST).seal("record", "r", text)
    assert b"s3cret" not in sealed
    assert "s3cret" not in repr(sealer(FIRST).unseal("record", "r", sealed, "here"))


def test_texts_of_any_size_are_sealed():
    """From nothing to far beyond a token."""
    for size in (0, 1, 64 * 1024, 1 << 20):
        text = Secret("x" * size)
        sealed = sealer(FIRST).seal("record", "r", text)
        assert sealer(FIRST).unseal("record", "r", sealed, "here") == text


@pytest.mark.parametrize(
    ("kind", "name"), [("mark", "r"), ("record", "q"), ("record|r", ""), ("", "r")]
)
def test_kind_and_name_are_bound(kind, name):
    """What was sealed as one thing is not opened as another."""
    sealed = sealer(FIRST).seal("record", "r", TEXT)
    with pytest.raises(errors.StoreCorrupt, match="here is damaged"):
        sealer(FIRST).unseal(kind, name, sealed, "here")


def test_every_damage_is_damage_and_never_a_foreign_key():
    """A flipped key id must not look like a key that somebody should look for."""
    sealed = sealer(FIRST).seal("record", "r", TEXT)
    damaged = [sealed[:end] for end in range(len(sealed))]
    damaged += [sealed + b"\0", os.urandom(len(sealed)), bytes(len(sealed))]
    for at in range(len(sealed)):
        for bit in range(8):
            flipped = bytes([sealed[at] ^ 1 << bit])
            damaged.append(sealed[:at] + flipped + sealed[at + 1 :])
    for data in damaged:
        with pytest.raises(errors.StoreCorrupt) as caught:
            sealer(FIRST).unseal("record", "r", data, "here")
        assert caught.value.__context__ is None
    assert sealer(FIRST).unseal("record", "r", sealed, "here") == TEXT


def test_damage_with_a_right_checksum_is_found_all_the_same():
    """The checksum keeps nobody out who means it; the cipher does."""
    from oauth_auth.stores import sealing

    sealed = sealer(FIRST).seal("record", "r", TEXT)
    body = bytearray(sealed[8:])
    body[-1] ^= 1
    forged = sealed[:4] + sealing._checksum(body) + bytes(body)
    with pytest.raises(errors.StoreCorrupt):
        sealer(FIRST).unseal("record", "r", forged, "here")


def test_a_foreign_key_is_named_beside_ours():
    """The error says which key to look for, and holds none."""
    sealed = sealer(FIRST).seal("record", "r", TEXT)
    with pytest.raises(errors.KeyMismatch) as caught:
        sealer(SECOND).unseal("record", "r", sealed, "/some/path")
    message = str(caught.value)
    assert message.startswith("/some/path was sealed with key ")
    for key in (FIRST, SECOND):
        (known,) = KeyChain(key, None).all()
        assert known.id.hex() in message
        assert key.reveal() not in message
    assert "put that key back in front of the others" in message


def test_the_remedy_fits_the_kind():
    """A claim is not healed by a login, nor is a pickle."""
    for kind, remedy in (
        ("record", "the next login keeps it aside"),
        ("claim", "remove it"),
        ("pickle", "make the pickle again"),
    ):
        with pytest.raises(errors.StoreCorrupt, match=remedy):
            sealer(FIRST).unseal(kind, "r", b"garbage", "here")
