"""Secrets: shown nowhere, read where they are kept."""

import copy
import pickle
from pathlib import Path

import pytest

from oauth_auth import errors
from oauth_auth.secret import FromEnv, FromFile, Secret, SecretSource, as_source


class TestSecret:
    def test_it_shows_nothing(self):
        """Neither repr, str, format, nor a container's repr has it. M66."""
        secret = Secret("s3cret")
        for text in (
            repr(secret),
            str(secret),
            f"{secret}",
            repr([secret]),
            f"{secret!r:>40}",
        ):
            assert "s3cret" not in text
        assert secret.reveal() == "s3cret"

    def test_it_compares_by_value(self):
        """Equal secrets are equal and hash alike; a text is no secret."""
        assert Secret("a") == Secret("a")
        assert hash(Secret("a")) == hash(Secret("a"))
        assert Secret("a") != Secret("b")
        assert Secret("a") != "a"
        assert (bool(Secret("")), bool(Secret("a"))) == (False, True)

    def test_it_does_not_pickle_by_itself(self):
        """A pickle is readable by anyone; the error says what to do instead."""
        for dump in (pickle.dumps, lambda s: pickle.dumps({"deep": [s]})):
            with pytest.raises(TypeError, match="pickle the OAuthAuth") as caught:
                dump(Secret("s3cret"))
            assert "s3cret" not in str(caught.value)

    def test_a_copy_is_the_same_object(self):
        """Copies of what holds it need no second one."""
        secret = Secret("a")
        assert copy.copy(secret) is secret
        assert copy.deepcopy([secret])[0] is secret


class TestReferences:
    @pytest.mark.parametrize("kind", [FromEnv, FromFile])
    def test_they_are_known_by_their_name(self, kind):
        """Equal, printable and picklable, without anything being read."""
        reference = kind("NAME")
        assert repr(reference) == f"{kind.__name__}('NAME')"
        assert reference == kind("NAME")
        assert hash(reference) == hash(kind("NAME"))
        assert reference != kind("OTHER")
        assert FromEnv("NAME") != FromFile("NAME")
        assert pickle.loads(pickle.dumps(reference)) == reference
        assert isinstance(reference, SecretSource)

    def test_a_variable_is_read_each_time(self, monkeypatch):
        """A replaced secret takes effect at once."""
        for value in ("one", "two"):
            monkeypatch.setenv("S3CRET", value)
            assert FromEnv("S3CRET").reveal() == value

    @pytest.mark.parametrize("value", [None, ""])
    def test_a_variable_that_is_not_set_is_named(self, monkeypatch, value):
        """An empty one is not set either."""
        monkeypatch.delenv("S3CRET", raising=False)
        if value is not None:
            monkeypatch.setenv("S3CRET", value)
        with pytest.raises(errors.ConfigurationError, match="variable S3CRET is not"):
            FromEnv("S3CRET").reveal()

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"s3cret", "s3cret"),
            (b"s3cret\n", "s3cret"),
            (b"s3cret\r\n", "s3cret"),
            (b"s3cret\n\n", "s3cret\n"),
            (b" s3cret \n", " s3cret "),
            ("sécret".encode(), "sécret"),
        ],
    )
    def test_a_file_loses_one_final_newline_and_no_more(
        self, tmp_path, content, expected
    ):
        """Editors add one; anything else may belong to the secret. M68."""
        (tmp_path / "file").write_bytes(content)
        assert FromFile(str(tmp_path / "file")).reveal() == expected

    def test_a_file_is_read_each_time(self, tmp_path):
        """Mounted secrets are replaced while programs run."""
        reference = FromFile(str(tmp_path / "file"))
        for value in ("one", "two"):
            (tmp_path / "file").write_text(value)
            assert reference.reveal() == value

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (None, "cannot be read: [Errno 2]"),
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"s3cret\xff", "cannot be read: 'utf-8' codec"),
        ],
    )
    def test_a_file_without_a_secret_is_named(self, tmp_path, content, said):
        """The error and all that hangs on it hold none of the file's content."""
        path = tmp_path / "file"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(errors.ConfigurationError) as caught:
            FromFile(str(path)).reveal()
        assert f"the secret file {path} {said}" in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


def test_only_literals_are_wrapped():
    """References and None pass as they are."""
    assert as_source("a") == Secret("a")
    assert as_source(None) is None
    for source in (FromEnv("A"), FromFile("a"), Secret("a")):
        assert as_source(source) is source


def test_a_file_that_is_being_replaced(tmp_path, monkeypatch):
    """Where a symlink moved just then, the file is looked for again."""
    file = tmp_path / "secret"
    file.write_text("new\n")
    real, missed = Path.read_text, []

    def read_text(self, encoding):
        if len(missed) < 2:
            missed.append(self)
            raise FileNotFoundError(2, "No such file or directory", str(self))
        return real(self, encoding)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert FromFile(str(file)).reveal() == "new"
    assert len(missed) == 2
    missed.append(None)
    file.unlink()
    with pytest.raises(errors.ConfigurationError, match="No such file"):
        FromFile(str(file)).reveal()
