"""The directory of a test that is about files."""

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path():
    """Return a directory where the system has its temporary files: on its disk."""
    with tempfile.TemporaryDirectory(
        prefix="oauth-auth-stores-", ignore_cleanup_errors=True
    ) as path:
        yield Path(path).resolve()
