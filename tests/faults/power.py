"""What of a directory outlives a power cut: what was synced, and nothing else."""

import os
from pathlib import Path


class Platter:
    """Follows writes and syncs below a directory.

    Args:
        root: The directory; what is there now counts as durable.
    """

    def __init__(self, root):
        self.root = Path(root)
        self._take_stock()

    def _take_stock(self):
        self._contents = {}
        self._names = {}
        self._unsynced = set()
        for folder in self._folders():
            self.synced_directory(folder)
            for name, number in self._names[folder].items():
                self._contents[number] = Path(folder, name).read_bytes()

    def written(self, fd):
        """Note that a file has changed."""
        self._unsynced.add(os.fstat(fd).st_ino)

    def synced(self, fd):
        """Note that a file was synced."""
        found = os.fstat(fd)
        self._unsynced.discard(found.st_ino)
        self._contents[found.st_ino] = os.pread(fd, found.st_size, 0)

    def synced_directory(self, folder):
        """Note that a directory was synced: the names in it are durable."""
        self._names[str(folder)] = _names(folder)

    def is_durable(self, path):
        """Whether a file, as it is now, would be there after a power cut."""
        path = Path(path)
        try:
            number = path.stat().st_ino
        except FileNotFoundError:
            return False
        names = self._names.get(str(path.parent), {})
        return number not in self._unsynced and names.get(path.name) == number

    def cut(self, *, names_kept):
        """Leave on the disk what a power cut leaves.

        Args:
            names_kept: The disk has written the names on its own accord, though not
                what is in the files: systems may write in any order.
        """
        for folder in self._folders():
            now = _names(folder)
            kept = now if names_kept else self._names.get(folder, {})
            contents = {
                name: self._contents.get(number, b"") for name, number in kept.items()
            }
            for name in now:
                Path(folder, name).unlink()
            for name, content in contents.items():
                path = Path(folder, name)
                path.write_bytes(content)
                path.chmod(0o600)
        self._take_stock()

    def _folders(self):
        with os.scandir(self.root) as entries:
            inner = [entry.path for entry in entries if entry.is_dir()]
        return [str(self.root), *inner]


def _names(folder):
    with os.scandir(folder) as entries:
        return {
            entry.name: entry.inode()
            for entry in entries
            if entry.is_file(follow_symlinks=False)
        }
