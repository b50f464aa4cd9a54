"""`oauth-auth keys new`."""

from click.testing import CliRunner

from oauth_auth import FileStore
from oauth_auth.cli.group import cli


def test_new_key_seals_a_store(tmp_path):
    """The printed line is a key that a store accepts, and another one each time."""
    printed = [CliRunner().invoke(cli, ["keys", "new"]).output for _ in range(2)]
    assert printed[0] != printed[1]
    assert [text.count("\n") for text in printed] == [1, 1]
    keys = [text.strip() for text in printed]
    assert len(FileStore(tmp_path, keys=keys).sealer.chain.all()) == 2
    assert list(tmp_path.iterdir()) == []
