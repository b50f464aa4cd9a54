"""docs/migrating.md: what it says to write instead is run."""

import ast
import json
import os
import re
import time
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from oauth_auth.testing import TestingServer
from tests.login.people import Browser

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"
TEXT = PAGE.read_text("utf-8")
BLOCK = re.compile(r"^```python (before|after)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(TEXT)
AFTER = [code for kind, code in BLOCKS if kind == "after"]
BEFORE = [code for kind, code in BLOCKS if kind == "before"]


@pytest.fixture(scope="module")
def page_server():
    with TestingServer() as server:
        yield server


@pytest.fixture
def browser(monkeypatch):
    browser = Browser()
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    yield browser
    browser.join()


@pytest.fixture
def names(page_server, tmp_path, monkeypatch, browser):
    """What the page says that there is: a token, a saver, files and variables."""
    page_server.reset()
    monkeypatch.chdir(tmp_path)
    token = {**page_server.issue(), "expires_at": time.time() - 10}
    mine = page_server.issue(client=page_server.public_client_id)
    google = {
        "token": token["access_token"],
        "refresh_token": token["refresh_token"],
        "token_uri": page_server.token_endpoint,
        "client_id": page_server.client_id,
        "client_secret": page_server.client_secret,
        "scopes": ["read"],
        "expiry": datetime.fromtimestamp(token["expires_at"], UTC).isoformat(),
    }
    (tmp_path / "token.json").write_text(json.dumps(google))
    cipher = Fernet(key := Fernet.generate_key())
    monkeypatch.setenv("ENCRYPTION_KEY", key.decode())
    monkeypatch.setenv("ENCRYPTED_TOKEN", cipher.encrypt(str(token).encode()).decode())
    entry = {"secret": mine["refresh_token"], "target": "read"}
    cache = {"RefreshToken": {"1": {"credential_type": "RefreshToken", **entry}}}
    saved = []
    return {
        "token": token,
        "save": saved.append,
        "saved": saved,
        "secret": page_server.client_secret,
        "msal_cache": json.dumps(cache),
    }


def local(code, server):
    """Return an example for servers of this machine."""
    for name, here in {
        '"https://auth.example.com/token"': server.token_endpoint,
        '"https://auth.example.com"': server.issuer,
        '"https://login.microsoftonline.com/TENANT/v2.0"': server.issuer,
        '"https://api.example.com"': server.api_url,
        '"client"': server.client_id,
        '"public"': server.public_client_id,
    }.items():
        code = code.replace(name, repr(here))
    assert "https://" not in code.replace("https://graph.microsoft.com/.default", "")
    return code


@pytest.mark.parametrize("number", range(len(AFTER)))
def test_what_takes_its_place_works(page_server, names, number):
    """Every example gets a token and calls the API with it."""
    code = local(AFTER[number], page_server)
    exec(compile(code, f"{PAGE}, after {number}", "exec"), names)
    counts = page_server.counts()
    assert counts.api_ok >= 1
    assert counts.api_unauthorized == 0
    if "save" in code:
        assert names["saved"]


def test_what_a_script_of_requests_oauthlib_has_works(
    page_server, names, monkeypatch, watch_off
):
    """With the same names and servers, so that the import is all that changes."""
    pytest.importorskip("requests_oauthlib")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    before, after = BEFORE[0], AFTER[0]
    changed = before.replace("from requests_oauthlib import", "from oauth_auth import")
    assert changed == after
    exec(compile(local(before, page_server), f"{PAGE}, before", "exec"), names)
    assert page_server.counts().api_ok == 1
    assert names["saved"]


def test_a_token_storage_of_ones_own_leaves_what_the_page_reads(names, monkeypatch):
    """Its variable is the one that the example begins with."""
    monkeypatch.setenv("ENCRYPTED_TOKEN", "")
    names = {**names, "Fernet": Fernet, "os": os}
    exec(compile(BEFORE[-1], f"{PAGE}, before", "exec"), names)
    storage = names["TokenStorage"]()
    storage.store_token(names["token"])
    assert storage.get_token() == names["token"]
    cipher = Fernet(os.environ["ENCRYPTION_KEY"])
    kept = cipher.decrypt(os.environ["ENCRYPTED_TOKEN"].encode()).decode()
    assert ast.literal_eval(kept) == names["token"]


def test_every_before_has_an_after():
    """In the same part of the page, and both are Python."""
    for part in TEXT.split("\n## ")[1:]:
        kinds = [kind for kind, _ in BLOCK.findall(part)]
        assert kinds[:2] == ["before", "after"], part.splitlines()[0]
    for _, code in BLOCKS:
        ast.parse(code)
    assert TEXT.count("```python") == len(BLOCKS)
