"""The coverage-guided fuzzer runs, and its targets find what is broken."""

import importlib.util
import json
import os
import platform
import subprocess
import sys

import pytest

from oauth_auth import answer, errors, server
from oauth_auth.challenge import Challenge
from oauth_auth.profiles import references, source
from oauth_auth.stores.sealing import Sealer
from tests.fuzz import atheris_target, challenges
from tests.fuzz.atheris_target import TARGETS
from tests.fuzz.profiles import SECRET
from tests.fuzz.records import TEXT
from tests.secrecy.watch import DIRECTORY

#: Where atheris has wheels.
HAS_WHEELS = (
    sys.platform == "linux"
    and platform.machine() == "x86_64"
    and sys.implementation.name == "cpython"
    and sys.version_info < (3, 14)
)


@pytest.mark.skipif(not HAS_WHEELS, reason="atheris has no wheel for this platform")
def test_it_runs_for_a_bounded_number_of_executions():
    """All targets run, cover what they are about, and their laws hold."""
    command = [sys.executable, "-m", "tests.fuzz.atheris_target", "--runs", "300"]
    run = subprocess.run(
        [*command, "--seconds", "60", "--seed", "1"],
        # The watch would take what the fuzzer makes up for secrets.
        env={name: text for name, text in os.environ.items() if name != DIRECTORY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    summaries = [json.loads(line) for line in run.stdout.splitlines()]
    assert [each["target"] for each in summaries] == sorted(TARGETS)
    for each in summaries:
        assert each["held"]
        assert each["executions"] >= 300
        assert each["edges"] > 30


def test_it_says_where_it_cannot_run(monkeypatch, capsys):
    """Without atheris it names the platforms, and what to run in its place."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert atheris_target.main(["--seconds", "1"]) == 2
    message = capsys.readouterr().err
    assert "on Linux" in message
    assert "pytest -m long tests/fuzz" in message


def lose_refresh_tokens(monkeypatch):
    monkeypatch.setattr(
        answer.Members,
        "secret",
        lambda self, name: None if name == "refresh_token" else self.text(name),
    )


def make_up_a_challenge(monkeypatch):
    monkeypatch.setattr(
        challenges, "parse_challenges", lambda values: (Challenge("bearer", {}),)
    )


def accept_any_url(monkeypatch):
    monkeypatch.setattr(server, "check_url", lambda url, name, **options: None)


def take_secrets_in_the_open(monkeypatch):
    monkeypatch.setattr(source, "is_secret", lambda key, value: False)
    monkeypatch.setattr(
        references, "_not_one", lambda key, why: errors.ConfigurationError(SECRET)
    )


def open_anything(monkeypatch):
    monkeypatch.setattr(Sealer, "unseal", lambda self, *args: TEXT)


@pytest.mark.parametrize(
    ("name", "defect", "data"),
    [
        ("parser", lose_refresh_tokens, TARGETS["parser"][1][0]),
        ("challenge", make_up_a_challenge, b"Basic"),
        ("metadata", accept_any_url, b"http://auth.example.com/token"),
        (
            "profiles",
            take_secrets_in_the_open,
            b"[a]\nclient_id = 'x'\nclient_secret = { value = 'x' }",
        ),
        ("record", open_anything, b"oaa1"),
    ],
)
def test_a_target_finds_a_defect(monkeypatch, name, defect, data):
    """The laws hold without the defect, and not with it."""
    target = TARGETS[name][0]
    target(data)
    defect(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        target(data)
