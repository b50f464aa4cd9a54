"""Private, durable files: what each step refuses, survives and says."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from oauth_auth import errors
from oauth_auth.stores import disk


class TestWriting:
    def test_content_is_replaced_as_a_whole(self, tmp_path):
        """A shorter content leaves nothing of a longer one (M80)."""
        path = tmp_path / "file"
        for data in (b"x" * 1000, b"short", b""):
            disk.write_private(path, data, durable=True)
            assert disk.read_private(path) == data
        assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208  # just the names

    def test_a_short_write_is_continued(self, monkeypatch, tmp_path):
        """The system may take fewer bytes than it was given."""
        real = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
        disk.write_private(tmp_path / "file", b"0123456789", durable=False)
        assert (tmp_path / "file").read_bytes() == b"0123456789"

    @pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to])
    def test_a_planted_temporary_file_is_not_written_to(self, tmp_path, plant):
        """A link in its place is removed, and what it leads to stays (M90)."""
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        plant(tmp_path / ".file.new", victim)
        disk.write_private(tmp_path / "file", b"secret", durable=False)
        assert victim.read_bytes() == b"precious"
        assert disk.read_private(tmp_path / "file") == b"secret"
        assert sorted(os.listdir(tmp_path)) == ["file", "victim"]  # noqa: PTH208  # just the names

    @pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to])
    def test_a_file_planted_just_before_is_an_error(self, monkeypatch, tmp_path, plant):
        """The temporary file is created, whatever is put there in between (M90)."""
        victim = tmp_path / "victim"
        victim.write_bytes(b"precious")
        plant(tmp_path / ".file.new", victim)
        # As if it had been planted after the removal.
        monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None)
        with pytest.raises(errors.StoreNotWritable):
            disk.write_private(tmp_path / "file", b"secret", durable=False)
        assert victim.read_bytes() == b"precious"
        assert not (tmp_path / "file").exists()

    def test_a_directory_that_cannot_be_synced_is_no_failure(
        self, monkeypatch, tmp_path
    ):
        """Some network filesystems say so; a real failure is one."""
        for number, fails in (
            (errno.EINVAL, False),
            (errno.ENOTSUP, False),
            (errno.EIO, True),
        ):

            def fsync(fd, number=number):
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr(os, "fsync", fsync)
            failed = False
            try:
                disk.sync_directory(tmp_path)
            except OSError:
                failed = True
            assert failed is fails

    @pytest.mark.parametrize(
        ("number", "remedy"),
        [
            (errno.ENOSPC, "free some space"),
            (errno.EDQUOT, "quota"),
            (errno.EROFS, "read-only"),
            (errno.EACCES, "owner and mode"),
            (errno.EPERM, "owner and mode"),
            (errno.ELOOP, "symbolic link"),
            (errno.EIO, "check the disk"),
        ],
    )
    def test_an_error_says_what_to_do(self, number, remedy):
        """It names the path, the system's words and a remedy."""
        error = disk.not_writable(Path("/a/b"), OSError(number, os.strerror(number)))
        assert isinstance(error, errors.StoreNotWritable)
        assert str(error).startswith(f"/a/b cannot be written: {os.strerror(number)}; ")
        assert remedy in str(error)


class TestReading:
    def test_no_file_is_none(self, tmp_path):
        """Neither a missing file nor a missing directory is an error."""
        assert disk.read_private(tmp_path / "file") is None
        assert disk.read_private(tmp_path / "no" / "file") is None

    def test_what_cannot_be_read_is_named(self, tmp_path):
        """A path through a file, as with a mistyped OAUTH_AUTH_HOME."""
        (tmp_path / "file").write_bytes(b"")
        path = tmp_path / "file" / "below"
        with pytest.raises(errors.TokenStoreError) as caught:
            disk.read_private(path)
        assert str(caught.value).startswith(f"{path} cannot be read: Not a directory")

    def test_no_descriptor_is_left_open(self, tmp_path):
        """Neither by reading, nor by refusing, nor by writing."""
        private = tmp_path / "private"
        disk.write_private(private, b"x", durable=True)
        os.mkfifo(tmp_path / "fifo")
        before = os.listdir("/proc/self/fd")  # noqa: PTH208  # just the names
        for _ in range(3):
            disk.read_private(private, strict=True)
            disk.write_private(private, b"y", durable=True)
            with pytest.raises(errors.TokenStoreError):
                disk.read_private(tmp_path / "fifo")
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208  # the names


class TestDirectories:
    def test_a_new_one_is_private_and_its_parents_are_made(self, tmp_path):
        """The parents are everybody's, as ~/.local/state is."""
        disk.make_private_directory(tmp_path / "a" / "b" / "c")
        made = (tmp_path / "a" / "b" / "c").stat()
        assert stat.S_IMODE(made.st_mode) == 0o700

    def test_one_that_cannot_be_made_is_named(self, tmp_path):
        """A file stands in its way."""
        (tmp_path / "a").write_bytes(b"")
        for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
            with pytest.raises(errors.StoreNotWritable) as caught:
                disk.make_private_directory(path)
            assert str(path) in str(caught.value)

    def test_a_dangling_link_is_no_directory(self, tmp_path):
        """A link to a disk that is not mounted is said, not replaced."""
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(errors.StoreNotWritable, match="link cannot be written"):
            disk.make_private_directory(tmp_path / "link")


class Reluctant:
    """A path that somebody reads, so that Windows does not let it be replaced."""

    def __init__(self, refusals):
        self.refusals = refusals
        self.tries = 0

    def replace(self, target):
        self.tries += 1
        if self.tries <= self.refusals:
            raise PermissionError(errno.EACCES, "Access is denied")


class OsOf:
    """The module `os` of another system, for `disk` alone."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        return getattr(os, name)


class TestWindows:
    def test_a_replace_waits_for_readers(self, monkeypatch):
        """Readers hold a file for an instant; a lasting refusal is an error (M85)."""
        monkeypatch.setattr(disk, "os", OsOf("nt"))
        source = Reluctant(3)
        disk.replace(source, Path("target"))
        assert source.tries == 4
        monkeypatch.setattr(disk, "_REPLACE_PATIENCE", 0.02)
        source = Reluctant(1000)
        with pytest.raises(PermissionError):
            disk.replace(source, Path("target"))
        assert source.tries > 2

    def test_elsewhere_a_refused_replace_is_an_error_at_once(self):
        """There it means that we may not."""
        source = Reluctant(1)
        with pytest.raises(PermissionError):
            disk.replace(source, Path("target"))
        assert source.tries == 1

    def test_directories_are_not_synced_there(self, monkeypatch, tmp_path):
        """They cannot be opened as files."""
        monkeypatch.setattr(disk, "os", OsOf("nt"))
        disk.sync_directory(tmp_path / "nowhere")

    def test_nothing_of_posix_alone_is_needed_to_import_and_work(self, tmp_path):
        """A store reads and writes without the modules and names of POSIX."""
        program = f"""
import os, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "fchmod", "fork", "geteuid",
             "getuid", "posix_fallocate", "register_at_fork"):
    if hasattr(os, name):
        delattr(os, name)
from oauth_auth.stores import base, disk, file, file_lock, keys, memory, sealing
from oauth_auth.stores.record_file import RecordFiles
from pathlib import Path
home = Path({str(tmp_path)!r}) / "store"
disk.make_private_directory(home)
disk.write_private(home / "file", b"data", durable=True)
assert disk.read_private(home / "file", strict=True) == b"data"
store = file.FileStore(home, keys=keys.new_key().reveal())
store.claim("f1", "r")
assert store.claim("f1") == "r"
assert store.read("r") is None
print("worked")
"""
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("worked\n", "")
