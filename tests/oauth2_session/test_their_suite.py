"""requests-oauthlib's own tests, run with this package in its place."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.servers.processes import unavailable

ROOT = Path(__file__).parents[2]
LIMIT = 300
FILES = ("test_oauth2_session.py", "test_oauth2_auth.py", "test_compliance_fixes.py")
#: Put beside them. Nothing else of them is changed.
IN_ITS_PLACE = """
import sys
import oauth_auth, oauth_auth.compliance_fixes
sys.modules["requests_oauthlib"] = oauth_auth
sys.modules["requests_oauthlib.compliance_fixes"] = oauth_auth.compliance_fixes
def pytest_report_header():
    from requests_oauthlib import OAuth2Session
    return f"the session is of {OAuth2Session.__module__}"
"""


def pip(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "-q", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        unavailable(f"pip {arguments[0]} failed: {done.stderr}")


def outcomes(suite, site, home):
    """Return what came of each of the tests, by name."""
    paths = [str(ROOT), str(site), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", suite),
            *("-p", "no:cacheprovider", "-v", "--tb=short"),
            *(suite / name for name in FILES),
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OAUTH_AUTH_HOME": str(home),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    found = dict(re.findall(r"(\S+::\S+) (PASSED|FAILED|ERROR)", done.stdout))
    return found, done.stdout


@pytest.mark.long
def test_it_passes_as_with_requests_oauthlib(tmp_path):
    """What passes there passes here: some fail there with new versions of oauthlib."""
    theirs = f"requests-oauthlib=={version('requests-oauthlib')}"
    pip("download", "--no-deps", "--no-binary", ":all:", "-d", tmp_path, theirs)
    pip("install", "--no-deps", "--target", tmp_path / "site", "requests-mock")
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "sdist", filter="data")
    (suite,) = tmp_path.glob("sdist/*/tests")
    expected, _ = outcomes(suite, tmp_path / "site", tmp_path / "home")
    (suite / "conftest.py").write_text(IN_ITS_PLACE, "utf-8")
    found, said = outcomes(suite, tmp_path / "site", tmp_path / "home")
    assert "the session is of oauth_auth" in said
    assert found == expected, said
    assert list(found.values()).count("PASSED") >= 40
