"""The directory of a test that is about files."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path():
    """Return a directory where the system has its temporary files: on its disk."""
    # Not TemporaryDirectory, which forked children would remove at their end.
    path = Path(tempfile.mkdtemp(prefix="oauth-auth-stores-")).resolve()
    yield path
    shutil.rmtree(path, ignore_errors=True)
