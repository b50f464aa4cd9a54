"""The file of profiles: found, read, written, and never damaged."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import platformdirs
import pytest

from oauth_auth import errors
from oauth_auth.profiles import Profile, Profiles, file, source, writing

POSIX = pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")
ROOT = Path(__file__).parents[2]
BY_HAND = """\
# What this machine logs in to.

[reports]  # nightly
issuer = "https://auth.example.com"
client_id = 'reports'
client_secret = { env = "REPORTS_SECRET" }  # in the unit file
grant = "client_credentials"

[reports.extra]
organization = "7"

# For people.
[github]
preset = "github"
client_id = "Iv1.8a61f9b3a7aba766"
"""


def a_profile(name="new", **settings):
    return Profile(
        **{"name": name, "issuer": "https://auth.example.com", "client_id": "new"}
        | settings
    )


@pytest.fixture
def profiles(tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text(BY_HAND)
    path.chmod(0o600)
    return Profiles(path)


def refused(profiles, name="github"):
    with pytest.raises(errors.ConfigurationError) as caught:
        profiles.load(name)
    return str(caught.value)


class TestWhere:
    def test_the_variable_names_the_directory(self, monkeypatch, tmp_path):
        """The place of the token store and of the profiles is one variable."""
        monkeypatch.setenv("OAUTH_AUTH_HOME", str(tmp_path))
        assert Profiles().path == tmp_path / "profiles.toml"

    def test_else_it_is_the_users_configuration(self, monkeypatch, tmp_path):
        """Each platform has a place for it."""
        monkeypatch.delenv("OAUTH_AUTH_HOME", raising=False)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        expected = platformdirs.user_config_path("oauth_auth", appauthor=False)
        assert Profiles().path == expected / "profiles.toml"

    def test_a_path_that_is_given_wins(self, monkeypatch, tmp_path):
        """A relative one means what it means now."""
        monkeypatch.chdir(tmp_path)
        assert Profiles("p.toml").path == tmp_path / "p.toml"
        assert repr(Profiles("p.toml")) == f"Profiles({str(tmp_path / 'p.toml')!r})"


class TestReading:
    def test_profiles_are_found(self, profiles):
        """In the order of the file, each with its settings."""
        assert profiles.names() == ["reports", "github"]
        assert profiles.load("reports").extra == {"organization": "7"}
        assert profiles.load("github") == Profile(
            name="github", preset="github", client_id="Iv1.8a61f9b3a7aba766"
        )

    def test_without_a_file_there_are_none(self, tmp_path):
        """That is no error until one is asked for."""
        profiles = Profiles(tmp_path / "profiles.toml")
        assert profiles.names() == []
        assert "it has none" in refused(profiles)

    def test_an_unknown_name_is_told_what_to_do(self, profiles):
        """The file, the closest name or else all of them, and the command."""
        said = refused(profiles, "githib")
        assert str(profiles.path) in said
        assert "did you mean github?" in said
        assert "it has: reports, github;" in refused(profiles, "other")
        assert "oauth-auth login githib ..." in said
        assert "\n" not in refused(profiles, "a\nb")
        assert len(refused(profiles, "x" * 10_000)) < 500

    def test_one_bad_profile_leaves_the_others(self, profiles):
        """A new setting with a slip in it does not stop the other programs."""
        profiles.path.write_text(f'{BY_HAND}\n[bad]\nissuer = "x"\n')
        assert profiles.load("github").preset == "github"
        assert profiles.names() == ["reports", "github", "bad"]
        refused(profiles, "bad")

    @pytest.mark.parametrize(
        ("text", "line", "says"),
        [
            ("[github]\nclient_id = \n", 2, "not TOML"),
            ("[github\n", 1, "not TOML"),
            ("[github]\n[github]\n", 2, "not TOML"),
            ('[github]\nextra = {\n  a = "b"', 2, "not TOML"),
            ("# a comment\n\nclient_id = 'x'\n", 3, "outside of any profile"),
            ("[[github]]\nclient_id = 'x'\n", 1, "outside of any profile"),
            ("[a]\nisuer='x'\n[github]\n\nisuer = 'x'\n", 5, "did you mean 'issuer'"),
            ("[github]\nclient_id='x'\n\n\ntimeout = 0", 5, "more than 0"),
            ("[github]\nclient_id = 'x'\nissuer = 'http://a.example'", 1, "plain http"),
            ("[a]\n[github]\nclient_id='x'\n[github.extra]\na=1\n", 5, "extra.a"),
            ("[github]\nclient_secret = { enw = 'A' }", 2, "enw"),
            ("[github]\n'client_id' = 1", 2, "client_id"),
            ("['github']\n\"client_id\" = 1", 2, "client_id"),
            ("github.client_id = 1", 1, "client_id"),
            ("[ github ]\nextra.a = 1", 2, "extra.a"),
        ],
    )
    def test_an_error_names_the_line(self, profiles, text, line, says):
        """Path and line, as compilers do, and what is wrong there."""
        profiles.path.write_text(text)
        said = refused(profiles)
        assert said.startswith(f"{profiles.path}, line {line}: ")
        assert says in said

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("[a]\nclient_secret = 'hush-hush-hush'", 2),
            ("[a]\n\nrefresh_token = 'hush-hush-hush'", 3),
            ("[a]\nx = 1\n[a.extra]\nclient_secret = 'hush-hush-hush'", 4),
            ("[a]\nextra = { client_assertion = 'hush-hush-hush' }", 2),
            ("[a]\nclient_secret = '''\nhush-hush-hush'''", 2),
            ("[a]\nPassword = 'hush-hush-hush'", 2),
            ("[a]\nclient-secret = 'hush-hush-hush'", 2),
        ],
    )
    def test_a_secret_in_the_file_is_refused(self, profiles, text, line):
        """For every profile, with what to do instead; nothing is shown."""
        profiles.path.write_text(f"{text}\n[github]\npreset = 'github'\n")
        said = refused(profiles)
        assert said.startswith(f"{profiles.path}, line {line}: profile a: ")
        if "assertion" in text:
            assert "have the program pass it" in said
        else:
            for kind in ("env", "file", "keyring", "store"):
                assert f"{{ {kind} = " in said
        assert "hush" not in said
        with pytest.raises(errors.ConfigurationError):
            profiles.names()

    def test_a_broken_file_shows_nothing_either(self, profiles):
        """The parser's own error holds the whole text."""
        profiles.path.write_text("[a]\nclient_secret = 'hush-hush-hush\n")
        with pytest.raises(errors.ConfigurationError) as caught:
            profiles.load("a")
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert "hush" not in str(caught.value)

    def test_what_is_no_text(self, profiles):
        """Another encoding, with the line; or a file of another kind."""
        profiles.path.write_bytes(b"# one\n# \xe9\n")
        assert "line 2: not UTF-8" in refused(profiles)
        profiles.path.write_bytes(b"#" * (1 << 20) + b"#")
        assert "larger than" in refused(profiles)

    def test_a_byte_order_mark_is_no_character(self, profiles):
        """Editors on Windows write one."""
        profiles.path.write_bytes(b"\xef\xbb\xbf" + BY_HAND.encode())
        assert profiles.names() == ["reports", "github"]

    @POSIX
    def test_what_is_no_file(self, profiles):
        """A fifo would block its reader, and a directory has no text."""
        profiles.path.unlink()
        os.mkfifo(profiles.path)
        assert "not a plain file" in refused(profiles)
        profiles.path.unlink()
        profiles.path.mkdir()
        assert "not a plain file" in refused(profiles)
        assert "cannot be read" in refused(Profiles(profiles.path / ("x" * 300)))

    @POSIX
    @pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
    def test_a_file_that_others_can_write_is_refused(self, profiles, mode):
        """They could have the client secret sent to a server of theirs."""
        profiles.path.chmod(mode)
        said = refused(profiles)
        assert "others can write" in said
        assert f"chmod 600 {profiles.path}" in said
        profiles.path.chmod(0o644)
        assert profiles.load("github")

    def test_deep_tables_are_an_error_like_any_other(self, profiles):
        """A parser's recursion ends somewhere."""
        profiles.path.write_text(f"[github]\nextra = {'[' * 5000}{']' * 5000}\n")
        assert "line" in refused(profiles)


class TestReadingAgain:
    @pytest.fixture
    def parsed(self, monkeypatch):
        """Count how often a text is parsed."""
        texts = []

        def count(path, text):
            texts.append(path)
            return source.parse(path, text)

        monkeypatch.setattr(file, "parse", count)
        return texts

    def test_a_file_that_did_not_change_is_not_parsed_again(self, profiles, parsed):
        """By no object: programs make one for each request."""
        os.utime(profiles.path, (1e9, 1e9))
        first = profiles.load("github")
        assert Profiles(profiles.path).load("github") is first
        assert profiles.names() == ["reports", "github"]
        assert len(parsed) == 1

    def test_a_change_counts_at_once(self, profiles):
        """Even one of the same length within the clock's tick."""
        now = profiles.path.stat()
        for name in ("github", "gitlab", "github"):
            profiles.path.write_text(BY_HAND.replace("[github]", f"[{name}]"))
            os.utime(profiles.path, ns=(now.st_atime_ns, now.st_mtime_ns))
            assert profiles.names() == ["reports", name]

    def test_an_old_file_put_in_its_place_counts(self, profiles, tmp_path):
        """Its time of change may be before the other's."""
        os.utime(profiles.path, (1e9, 1e9))
        assert profiles.names() == ["reports", "github"]
        other = tmp_path / "other"
        other.write_text(BY_HAND.replace("[github]", "[gitlab]"))
        os.utime(other, (1e9, 1e9))
        other.replace(profiles.path)
        assert profiles.names() == ["reports", "gitlab"]

    def test_a_file_that_goes_while_it_is_looked_at(self, profiles, monkeypatch):
        """Some editors remove it before they write the new one."""

        def gone(found):
            profiles.path.unlink()

        monkeypatch.setattr(profiles, "_check", gone)
        assert profiles.names() == []

    def test_a_file_that_goes_and_comes_is_followed(self, profiles):
        """Nothing is remembered of one that is gone."""
        os.utime(profiles.path, (1e9, 1e9))
        assert profiles.names()
        profiles.path.rename(profiles.path.with_suffix(".old"))
        assert profiles.names() == []
        profiles.path.with_suffix(".old").rename(profiles.path)
        assert profiles.names() == ["reports", "github"]


class TestWriting:
    def test_a_new_file_is_private(self, tmp_path):
        """So is its directory; the temporary file is gone."""
        profiles = Profiles(tmp_path / "home" / "profiles.toml")
        profiles.save(a_profile())
        assert profiles.load("new") == a_profile()
        if os.name != "nt":
            assert stat.S_IMODE(profiles.path.stat().st_mode) == 0o600
            assert stat.S_IMODE(profiles.path.parent.stat().st_mode) == 0o700
        left = {path.name for path in profiles.path.parent.iterdir()}
        assert left == {"profiles.toml", ".profiles.toml.lock"}

    def test_what_people_wrote_stays(self, profiles):
        """Comments, order, spelling, and keys that only a newer version knows."""
        text = f"{BY_HAND}\n[later]\nsomething_new = 'x' # ?\n"
        profiles.path.write_text(text)
        profiles.save(a_profile(extra={"a": "b"}, client_secret={"env": "S"}))
        assert profiles.path.read_text().startswith(text)
        assert profiles.load("new").extra == {"a": "b"}
        profiles.remove("new")
        assert profiles.path.read_text().rstrip() == text.rstrip()

    def test_one_profile_is_replaced_in_its_place(self, profiles):
        """Only if that is wanted."""
        with pytest.raises(errors.ConfigurationError, match="profiles remove reports"):
            profiles.save(a_profile("reports"))
        assert profiles.path.read_text() == BY_HAND
        profiles.save(a_profile("reports"), replace=True)
        assert profiles.load("reports") == a_profile("reports")
        assert profiles.names() == ["reports", "github"]
        written = profiles.path.read_text()
        assert written.startswith("# What this machine logs in to.\n")
        assert written.endswith(BY_HAND.partition("[github]")[2])

    def test_the_same_once_more(self, profiles):
        """Of several workers that set the same up at once none fails; another does."""
        profiles.save(a_profile("a", scope="x"))
        before = profiles.path.stat()
        profiles.save(a_profile("a", scope="x"))
        after = profiles.path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        with pytest.raises(errors.ConfigurationError, match="a profile a in"):
            profiles.save(a_profile("a", scope="y"))

    def test_removing_what_is_not_there(self, profiles):
        """The error is the one of loading it."""
        with pytest.raises(errors.ConfigurationError, match="no profile githib"):
            profiles.remove("githib")

    def test_a_file_that_cannot_be_read_is_not_written(self, profiles):
        """Whatever is wrong with it, it is the person's text."""
        profiles.path.write_text("[github\n")
        for change in (
            lambda: profiles.save(a_profile()),
            lambda: profiles.remove("a"),
        ):
            with pytest.raises(errors.ConfigurationError, match="line 1"):
                change()
        assert profiles.path.read_text() == "[github\n"

    def test_a_layout_that_would_lose_something_is_left_alone(
        self, profiles, monkeypatch
    ):
        """What the writer made is read before it is put in place."""
        monkeypatch.setattr(
            writing, "with_profile", lambda text, _: type(text)("[new]\n")
        )
        with pytest.raises(errors.ConfigurationError, match="edit it by hand"):
            profiles.save(a_profile())
        assert profiles.path.read_text() == BY_HAND

    def test_a_text_that_only_the_reader_understands(self, profiles, monkeypatch):
        """There are two parsers, and they may differ."""
        import tomlkit

        def fail(text):
            raise RecursionError(text)

        monkeypatch.setattr(tomlkit, "parse", fail)
        with pytest.raises(errors.ConfigurationError) as caught:
            profiles.save(a_profile())
        assert "RecursionError" in str(caught.value)
        assert "by hand" in str(caught.value)
        assert caught.value.__context__ is None

    def test_tables_in_pieces_are_one_profile(self, profiles):
        """TOML lets people write a table's parts far from each other."""
        text = "[a]\nclient_id='x'\n[b]\nclient_id='y'\n[a.extra]\nk='v'\n"
        profiles.path.write_text(text)
        profiles.save(a_profile("a"), replace=True)
        assert profiles.load("a") == a_profile("a")
        assert profiles.names() == ["a", "b"]
        profiles.path.write_text(text)
        profiles.remove("a")
        assert profiles.path.read_text() == "[b]\nclient_id='y'\n"

    @POSIX
    def test_a_symbolic_link_stays_one(self, profiles, tmp_path):
        """Dotfiles often are links into a repository."""
        link = tmp_path / "elsewhere" / "profiles.toml"
        link.parent.mkdir()
        link.symlink_to(profiles.path)
        Profiles(link).save(a_profile())
        assert link.is_symlink()
        assert profiles.load("new") == a_profile()
        assert stat.S_IMODE(profiles.path.stat().st_mode) == 0o600

    @POSIX
    def test_a_place_that_cannot_be_written(self, profiles, monkeypatch):
        """The old file stays; the error says what to do."""

        def full(*_args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(errors.StoreNotWritable, match="free some space"):
            profiles.save(a_profile())
        assert profiles.path.read_text() == BY_HAND

    def test_without_tomlkit_the_error_says_what_to_install(
        self, profiles, monkeypatch
    ):
        """Programs that only read profiles do not need it."""
        monkeypatch.setitem(sys.modules, "tomlkit", None)
        assert profiles.load("github")
        with pytest.raises(errors.ConfigurationError, match=r"oauth-auth\[cli\]"):
            profiles.save(a_profile())
        with pytest.raises(errors.ConfigurationError, match=r"oauth-auth\[cli\]"):
            profiles.remove("github")

    def test_writers_wait_for_each_other(self, profiles):
        """Each adds its own to what the others wrote."""
        count = 8
        barrier = threading.Barrier(count)

        def save(number):
            barrier.wait()
            Profiles(profiles.path).save(a_profile(f"p{number}"))

        threads = [threading.Thread(target=save, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(profiles.names()) == 2 + count

    def test_processes_wait_for_each_other(self, profiles):
        """The lock is the kernel's."""
        program = (
            "import sys; from oauth_auth.profiles import Profile, Profiles\n"
            "for n in range(5):\n"
            "    Profiles(sys.argv[1]).save(Profile(name=f'{sys.argv[2]}{n}',"
            " issuer='https://a.example', client_id='x'))\n"
        )
        children = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(profiles.path), name],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for name in ("a", "b", "c")
        ]
        assert [child.wait() for child in children] == [0, 0, 0]
        assert len(profiles.names()) == 2 + 15
