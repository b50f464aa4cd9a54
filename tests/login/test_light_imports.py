"""What a login needs is loaded by a login."""

import subprocess
import sys


def test_nothing_is_loaded_before_a_login():
    """Programs that log nobody in do not wait for the import of joserfc or segno."""
    code = (
        "import sys, oauth_auth.auth, oauth_auth.grants.authorization_code,"
        " oauth_auth.login.browser_login, oauth_auth.login.device;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "oauth_auth" in loaded
    assert {"joserfc", "segno"}.isdisjoint(loaded)
