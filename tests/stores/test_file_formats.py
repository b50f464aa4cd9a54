"""FileStore: what a newer version of this package has written is left alone.

An installation that was left behind, or put back, would otherwise take it for damage,
replace it, and so end the logins of all the others.
"""

import json
import os
import pickle
from pathlib import Path

import pytest

from oauth_auth import ClientCredentials, OAuthAuth, RefreshToken, errors
from oauth_auth.identity import Identifier
from oauth_auth.secret import FromEnv, Secret
from oauth_auth.stores import base, record_file, sealing
from oauth_auth.stores.file import FileStore
from oauth_auth.testing.store_tools import ID, OTHER, a_journal, a_mark, a_record, save
from tests.fake_server import TOKEN_ENDPOINT, FakeServer
from tests.stores.places import MARK, NEXT, answer_of_a_dead_writer, names, place

OLD = a_record(1)
KEY = "k" * 43
CLAIM = "../claims/f1"


def newer_text(patch):
    """Write JSON as a newer version might, with members that are unknown here."""
    real = base.encode

    def encode(value):
        data = {**json.loads(real(value).reveal()), "format": base.FORMAT + 1, "x": 1}
        return Secret(json.dumps(data))

    patch.setattr(record_file, "encode", encode)


def newer_seal(patch):
    """Seal as a newer version might, with another cipher or layout."""
    magic, body = b"oaa2", b"something else"
    sealed = magic + sealing._checksum(body, magic) + body
    patch.setattr(sealing.Sealer, "seal", lambda self, *args: sealed)


def newer_layout(patch):
    """Begin the files of records as a newer version might."""
    patch.setattr(record_file, "_MAGIC", record_file._magic(b"12"))


def written(path, what, how):
    """Return a file as a newer version would write it.

    Args:
        path: A directory to write it in.
        what: The file's name.
        how: What has changed in the newer version.
    """
    store = FileStore(path, keys=KEY)
    with pytest.MonkeyPatch.context() as patch:
        how(patch)
        if what == CLAIM:
            store.claim("f1", ID)
        elif what == NEXT:
            answer_of_a_dead_writer(store, patch)
        else:
            with store.lock(ID, timeout=0) as transaction:
                transaction.save(OLD)
                transaction.mark(a_mark(1))
    return path_of(store, what).read_bytes()


def path_of(store, name):
    """Return where a file of a store is, also one that is no record's."""
    return Path(os.path.normpath(place(store, name)))


def plant(store, name, content):
    """Put a file into the store as if it had been written there."""
    path = path_of(store, name)
    path.write_bytes(content)
    path.chmod(0o600)


@pytest.fixture
def store(tmp_path):
    store = FileStore(tmp_path / "store", keys=KEY)
    save(store, OLD)
    save(store, a_record(9), OTHER)
    store.claim("f2", ID)
    return store


def refused(act, path):
    """The error names the file and the remedy, and is not one that heals by itself."""
    with pytest.raises(errors.TokenStoreError) as caught:
        act()
    assert type(caught.value) is errors.TokenStoreError
    message = str(caught.value)
    assert message.startswith(f"{path} was written by a newer oauth_auth")
    assert "update oauth_auth here" in message
    assert "OAUTH_AUTH_HOME" in message
    return caught.value


@pytest.mark.parametrize("how", [newer_text, newer_seal, newer_layout])
@pytest.mark.parametrize("name", [ID, NEXT])
def test_a_newer_record_or_answer_is_refused_and_never_replaced(
    store, tmp_path, name, how
):
    """Neither kept aside nor overwritten, whatever is tried; others are unaffected."""
    plant(store, name, written(tmp_path / "newer", name, how))
    before = {name: place(store, name).read_bytes() for name in names(store)}
    with store.lock(ID, timeout=0) as transaction:
        for act in (
            transaction.read,
            lambda: transaction.reserve(a_journal(1)),
            lambda: transaction.save(a_record(99)),
            lambda: transaction.mark(a_mark(1)),
            lambda: transaction.mark(None),
        ):
            refused(act, place(store, name))
    if name == ID:
        refused(lambda: store.read(ID), place(store))
    else:
        assert store.read(ID) == OLD, "who only reads is not concerned"
    assert {name: place(store, name).read_bytes() for name in names(store)} == before
    assert store.read(OTHER) == a_record(9)


@pytest.mark.parametrize("how", [newer_text, newer_seal])
def test_a_newer_mark_is_none(store, tmp_path, how):
    """It is no login, and must not keep an older worker from its own."""
    plant(store, MARK, written(tmp_path / "newer", MARK, how))
    assert store.read(ID) == OLD
    save(store, a_record(2))
    assert store.read(ID) == a_record(2)


def test_a_newer_claim_is_refused_and_never_replaced(store, tmp_path):
    """Who cannot read it does not know whether the refresh token is spent."""
    content = written(tmp_path / "newer", CLAIM, newer_seal)
    plant(store, CLAIM, content)
    path = path_of(store, CLAIM)
    for record_id in (None, ID, OTHER):
        refused(lambda record_id=record_id: store.claim("f1", record_id), path)
    assert path.read_bytes() == content
    assert store.claim("f2") == ID


@pytest.mark.parametrize("kind", ["person", "machine"])
@pytest.mark.parametrize("how", [newer_text, newer_seal, newer_layout])
def test_no_login_is_ended_by_an_older_version(tmp_path, how, kind):
    """A worker that cannot read the record asks the server for nothing.

    Not even where nobody has to log in, since the others would lose their token.
    """
    server = FakeServer()
    grant = (
        RefreshToken(
            token_endpoint=TOKEN_ENDPOINT, client_id="a", refresh_token=server.seed()
        )
        if kind == "person"
        else ClientCredentials(
            token_endpoint=TOKEN_ENDPOINT, client_id="a", client_secret="s3cr3t"
        )
    )
    store = FileStore(tmp_path / "store", keys=KEY)
    auth = OAuthAuth(grant, store=store, http=server.http)
    source = auth._resolved()
    path = place(store, source.record_id)
    with pytest.MonkeyPatch.context() as patch:
        path.unlink(missing_ok=True)
        how(patch)
        save(store, a_record(7), source.record_id)
    content = path.read_bytes()
    for _ in range(2):
        refused(auth.token, path)
        refused(auth.renew, path)
    assert server.token_requests == 0
    assert path.read_bytes() == content


@pytest.mark.parametrize("how", [newer_text, newer_seal, newer_layout])
def test_a_newer_id_key_is_neither_healed_nor_replaced(store, tmp_path, how):
    """Its copy may be as old as this installation."""
    Identifier.of(store)
    newer = FileStore(tmp_path / "newer", keys=KEY)
    with pytest.MonkeyPatch.context() as patch:
        how(patch)
        save(newer, base.Record(generation=2, document={"key": "x"}), "id-key")
    content = place(newer, "id-key").read_bytes()
    plant(store, "id-key", content)
    refused(lambda: Identifier.of(store), place(store, "id-key"))
    assert place(store, "id-key").read_bytes() == content


def test_a_newer_pickle_is_refused(tmp_path, monkeypatch):
    """A pickled auth object may come from a machine that was updated first."""
    monkeypatch.setenv("SEALING_KEY", KEY)
    store = FileStore(tmp_path / "store", keys=FromEnv("SEALING_KEY"))
    grant = ClientCredentials(
        token_endpoint=TOKEN_ENDPOINT, client_id="a", client_secret="s3cr3t"
    )
    with pytest.MonkeyPatch.context() as patch:
        newer_seal(patch)
        data = pickle.dumps(OAuthAuth(grant, store=store))
    refused(lambda: pickle.loads(data), "a pickled OAuthAuth")


@pytest.mark.parametrize("version", [0, -1, "2", "newer", None, []])
def test_what_no_version_ever_wrote_is_damage(store, monkeypatch, version):
    """Only a number above ours is a newer format."""
    text = json.dumps({**json.loads(base.encode(OLD).reveal()), "format": version})
    with monkeypatch.context() as patch:
        patch.setattr(record_file, "encode", lambda value: Secret(text))
        save(store, a_record(2))
    with pytest.raises(errors.StoreCorrupt):
        store.read(ID)


def test_no_damage_looks_like_a_newer_version(store):
    """Any one byte of what tells the version may be wrong: that is damage, and heals.

    M81.
    """
    data = place(store).read_bytes()
    start = data.index(sealing._MAGIC)
    line, sealed = data[: len(record_file._MAGIC)], data[start:]
    for wrong in one_byte_wrong(line, len(line)):
        parts = record_file._parts(wrong + data[len(line) :], place(store))
        assert parts == (b"", b"")
    for wrong in one_byte_wrong(sealed, 8):
        with pytest.raises(errors.StoreCorrupt):
            store.sealer.unseal("record", ID, wrong, "here")
    assert record_file._parts(data, place(store))[1] == sealed
    assert store.sealer.unseal("record", ID, sealed, "here")


def one_byte_wrong(data, size):
    """Yield the data with each other value in each of the first bytes."""
    for at in range(size):
        for value in set(range(256)) - {data[at]}:
            yield data[:at] + bytes([value]) + data[at + 1 :]
