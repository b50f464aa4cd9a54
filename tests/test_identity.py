"""Record ids and fingerprints: frozen, keyed, and different whenever they must be."""

import base64
import errno
import os

import pytest

from oauth_auth import ClientCredentials, RefreshToken, errors, identity
from oauth_auth.identity import Identifier
from oauth_auth.presented import FromCallable
from oauth_auth.secret import FromEnv, FromFile, Secret
from oauth_auth.server import AuthorizationServer
from oauth_auth.stores.base import Record
from oauth_auth.stores.file import FileStore
from oauth_auth.stores.memory import MemoryStore
from oauth_auth.testing.store_tools import save

ISSUER = "https://auth.example.com"
ID_KEY = Secret(base64.b64encode(bytes(range(32))).decode())
FIXED = Identifier(ID_KEY, kept=True)


def machine(**changes):
    options = {"client_id": "cli", "client_secret": "s3cret", **changes}
    return ClientCredentials(options.pop("server", ISSUER), **options)


def person(**changes):
    options = {"client_id": "cli", "refresh_token": "seed", **changes}
    return RefreshToken(options.pop("server", ISSUER), **options)


def record_id(grant, account=None):
    return FIXED.record_id(grant.inputs(account))


class TestGolden:
    """Frozen: if one of these changes, every user of that version logs in again."""

    @pytest.mark.parametrize(
        ("inputs", "expected"),
        [
            (machine().inputs(None), "4e11e4a3380ee9fc45945dfa3b12268bc12435bc"),
            (
                machine(
                    scope="b a",
                    audience="aud",
                    resource=["https://r2.example", "https://r1.example"],
                    extra={"x": "1"},
                ).inputs("me"),
                "b940418f5c94aa840bd65c480180452eeb0376ad",
            ),
            (person().inputs(None), "ef5a041b57806b317124333e3adef44fbd2e279a"),
            (
                {**person().inputs(None), "seed": Secret("r")},
                "78ced9b5b9b9eab4f61cea3590005bcc711fb967",
            ),
            ({"metadata": ISSUER}, "973baff2e0de7d1f5600d15a4dc4efc9ada5e622"),
        ],
    )
    def test_the_record_id_of_a_configuration(self, inputs, expected):
        """The derivation, with a fixed id key."""
        assert FIXED.record_id(inputs) == expected

    def test_the_fingerprint_of_a_secret(self):
        """The derivation, with a fixed id key."""
        expected = "4e388d258ef6881a0ac742faf896f4698142c1e1"
        assert FIXED.fingerprint(Secret("r")) == expected

    def test_a_new_input_changes_nothing_until_it_is_used(self):
        """What later versions may add counts only where it is set."""
        inputs = machine().inputs(None)
        for unset in (None, "", [], {}, Secret("")):
            assert FIXED.record_id({**inputs, "later": unset}) == record_id(machine())
        assert FIXED.record_id({**inputs, "later": "set"}) != record_id(machine())


class TestWhatCounts:
    def test_whatever_can_change_the_token_changes_the_id(self):
        """No two of these may ever share a token (M97)."""
        grants = [
            machine(),
            machine(server="https://auth.example.org"),
            machine(server=f"{ISSUER}/tenant"),
            machine(server=None, token_endpoint=f"{ISSUER}/token"),
            machine(client_id="cli2"),
            machine(client_secret="other"),
            machine(scope="a"),
            machine(scope="a b"),
            machine(audience="a"),
            machine(resource="https://a.example"),
            machine(resource=["https://a.example", "https://b.example"]),
            machine(extra={"a": "1"}),
            machine(extra={"a": "2"}),
            machine(extra={"b": "1"}),
            machine(extra={"a": "1", "b": "1"}),
            person(),
            person(scope="a"),
        ]
        ids = [record_id(grant) for grant in grants]
        ids += [record_id(machine(), "me"), record_id(machine(), "you")]
        ids += [record_id(person(), "me")]
        ids.append(FIXED.fingerprint(Secret("s3cret")))
        assert len(set(ids)) == len(ids)

    def test_values_are_not_mixed_up_across_inputs(self):
        """The encoding keeps names and values apart."""
        pairs = [
            ({"a": "b"}, {"b": "a"}),
            ({"a": "1", "b": "2"}, {"a": "2", "b": "1"}),
            ({"a": 'x","b":"y'}, {"a": "x", "b": "y"}),
            ({"a": ["b c"]}, {"a": ["b", "c"]}),
            ({"a": ["b"]}, {"a": "b"}),
            ({"a": "s"}, {"a": Secret("s")}),
        ]
        for one, other in pairs:
            assert FIXED.record_id(one) != FIXED.record_id(other)

    def test_what_changes_no_token_changes_no_id(self, tmp_path, monkeypatch):
        """Order, spelling as list or text, and where a secret is kept."""
        file = tmp_path / "secret"
        file.write_text("s3cret\n")
        monkeypatch.setenv("S3CRET", "s3cret")
        expected = record_id(machine(scope="a b", resource=["r:1", "r:2"]))
        for grant in (
            machine(scope="b a", resource=["r:2", "r:1"]),
            machine(scope=["b", "a", "a"], resource=("r:1", "r:2")),
            machine(scope={"a", "b"}, resource={"r:1", "r:2"}),
            machine(
                scope="a  b", resource=["r:1", "r:2"], client_secret=FromEnv("S3CRET")
            ),
            machine(
                scope="a b",
                resource=["r:1", "r:2"],
                client_secret=FromFile(str(file)),
                client_auth="client_secret_post",
            ),
            machine(
                server=AuthorizationServer(ISSUER, token_endpoint=f"{ISSUER}/t"),
                scope="a b",
                resource=["r:1", "r:2"],
            ),
        ):
            assert record_id(grant) == expected
        extra = {"x": "1", "y": "2"}
        swapped = {"y": "2", "x": "1"}
        assert record_id(machine(extra=extra)) == record_id(machine(extra=swapped))

    def test_a_replaced_client_secret_does_not_lose_a_login(self):
        """Where a person logged in, the secret only proves who the client is."""
        assert record_id(person(client_secret="old")) == record_id(
            person(client_secret="new")
        )
        assert record_id(person()) == record_id(person(refresh_token="other"))
        assert record_id(person()) == record_id(person(refresh_scope="a"))


class TestRemembered:
    """An id is remembered, by all that it is made of."""

    def test_it_is_made_once(self, monkeypatch):
        """The second time costs no encoding."""
        identifier = Identifier(ID_KEY, kept=True)
        first = identifier.record_id(machine(extra={"x": "1"}).inputs("me"))
        monkeypatch.setattr(identity, "_canonical", None)
        assert first == identifier.record_id(machine(extra={"x": "1"}).inputs("me"))

    @pytest.mark.parametrize("kind", ["variable", "file", "function"])
    def test_a_secret_is_read_anew(self, kind, monkeypatch, tmp_path):
        """Whoever does not know the secret of today does not get its token."""
        file = tmp_path / "secret"
        source = {
            "variable": FromEnv("S3CRET"),
            "file": FromFile(str(file)),
            "function": FromCallable(file.read_text),
        }[kind]
        grant = machine(client_secret=source)
        for value in ("one", "two", "one"):
            file.write_text(value)
            monkeypatch.setenv("S3CRET", value)
            assert record_id(grant) == record_id(machine(client_secret=value))

    def test_parameters_may_change(self):
        """A grant's own dictionary is looked at each time."""
        extra = {"x": "1"}
        inputs = machine(extra=extra).inputs(None)
        before = FIXED.record_id(inputs)
        inputs["extra"]["x"] = "2"
        assert FIXED.record_id(inputs) != before

    def test_types_count(self):
        """Numbers that are equal are not the same in a request."""
        values = [1, 1.0, True, "1", [1], ["1"], None, "None"]
        ids = [FIXED.record_id({"extra": {"x": value}}) for value in values]
        assert len(set(ids)) == len(ids)

    def test_a_text_that_shows_itself_otherwise_is_what_it_is(self):
        """A class of the caller's own may hide its text, and is read all the same."""

        class Hidden(str):
            __slots__ = ()

            def __repr__(self):
                return "***"

            __str__ = __repr__

        ids = {FIXED.record_id({"account": Hidden(text)}) for text in ("a", "b")}
        assert ids == {FIXED.record_id({"account": text}) for text in ("a", "b")}

    def test_there_are_bounds(self, monkeypatch):
        """A process that serves many accounts forgets some."""
        monkeypatch.setattr(identity, "_IDS_KEPT", 4)
        identifier = Identifier(ID_KEY, kept=True)
        for number in range(10):
            identifier.record_id({"account": str(number)})
            assert len(identifier._ids) <= 4

    def test_no_secret_is_in_what_is_remembered(self):
        """The keys have fingerprints in place of secrets."""
        identifier = Identifier(ID_KEY, kept=True)
        identifier.record_id(machine(client_secret="Zq7-a-secret").inputs(None))
        assert len(identifier._ids) == 1
        assert b"Zq7-a-secret" not in b"".join(identifier._ids)


class TestIdKey:
    @pytest.mark.parametrize("kind", ["memory", "file"])
    def test_it_is_made_once_per_store(self, kind, tmp_path):
        """The ids of one store agree; those of two stores do not."""

        def make(name):
            return MemoryStore() if kind == "memory" else FileStore(tmp_path / name)

        one, other = make("one"), make("other")
        first, again = Identifier.of(one), Identifier.of(one)
        assert first.kept
        inputs = machine().inputs(None)
        assert first.record_id(inputs) == again.record_id(inputs)
        assert Identifier.of(other).record_id(inputs) != first.record_id(inputs)
        assert first.fingerprint(Secret("a")) == again.fingerprint(Secret("a"))

    def test_a_rotated_sealing_key_changes_no_id(self, tmp_path):
        """The id key is sealed like a record, and is not the sealing key."""
        from oauth_auth.stores.keys import new_key

        store = FileStore(tmp_path)
        before = Identifier.of(store).record_id({"a": "b"})
        keys = tmp_path / "keys"
        keys.write_text(keys.read_text() + new_key().reveal())
        assert Identifier.of(FileStore(tmp_path)).record_id({"a": "b"}) == before

    def test_a_store_that_cannot_be_written_has_a_key_in_memory(self):
        """Its ids are good for this process only."""
        one, other = Identifier.unkept(), Identifier.unkept()
        assert not one.kept
        assert one.record_id({"a": "b"}) != other.record_id({"a": "b"})

    def test_no_key_is_made_where_none_can_be_kept(self, tmp_path, monkeypatch):
        """The caller decides whether a key in memory is enough."""

        def mkdir(*args):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(os, "mkdir", mkdir)
        with pytest.raises(errors.StoreNotWritable):
            Identifier.of(FileStore(tmp_path / "store"))

    def test_a_record_in_its_place_is_succeeded(self):
        """Generations never restart, not even that of the id key."""
        store = MemoryStore()
        save(store, Record(generation=4), "id-key")
        Identifier.of(store)
        assert store.read("id-key").generation == 5

    def test_nothing_shows_the_key(self):
        """Neither the identifier's repr nor that of the record that keeps it."""
        store = MemoryStore()
        identifier = Identifier.of(store)
        kept = store.read("id-key")
        text = kept.document["key"]
        assert len(base64.b64decode(text)) == 32
        assert text not in repr(identifier) + repr(kept) + repr(identifier._key)


class TestFingerprints:
    def test_they_tell_nothing_and_are_names(self):
        """A store may use them as names of files."""
        found = FIXED.fingerprint(Secret("refresh-token"))
        assert len(found) == 40
        assert set(found) <= set("0123456789abcdef")

    def test_odd_bytes_in_a_variable_are_no_error(self, monkeypatch):
        """An error of the encoder would carry the secret."""
        monkeypatch.setitem(os.environb, b"ODD", b"s3cret\xff")
        odd = FIXED.fingerprint(FromEnv("ODD"))
        assert odd != FIXED.fingerprint(Secret("s3cret"))
        assert odd == FIXED.fingerprint(Secret("s3cret\udcff"))
