"""`docs/profiles.md` says what is true."""

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from oauth_auth.presets import PARAMETERS, PRESETS
from oauth_auth.profiles import GRANTS, Profile, Profiles
from oauth_auth.profiles.environment import _BESIDE_PROFILE, VARIABLES
from oauth_auth.profiles.references import KINDS

TEXT = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def section(title):
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_cells(text):
    """Return what is in backticks in the first column of a section's table."""
    cells = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(.+?)`", cell)}


@pytest.fixture
def written(home):
    """The file as the page shows it."""
    (toml,) = blocks("toml")
    home.mkdir()
    (home / "profiles.toml").write_text(toml)
    (home / "profiles.toml").chmod(0o600)
    return Profiles()


def test_the_file_is_one(written):
    """Each profile of the example can be used."""
    assert written.names() == ["github", "reports", "sync"]
    assert [
        type(written.load(name).build_grant()).grant_type for name in written.names()
    ]
    assert written.load("reports").scope == "reports:read reports:write"


def test_the_python_runs(written, monkeypatch):
    """Every example, with the variables that the page sets."""
    exports = re.findall(
        r"^\$ export (\w+)=(.+)$", "".join(blocks("console")), re.MULTILINE
    )
    for name, value in exports:
        monkeypatch.setenv(name, value)
    assert len(exports) == 3
    examples = blocks("python")
    assert len(examples) == 3
    for example in examples:
        exec(compile(example, "profiles.md", "exec"), {})
    assert written.load("nightly").host == "git.example.com"


def test_every_key_is_listed():
    """And no other."""
    keys = {each.name for each in fields(Profile)} - {"name"}
    assert first_cells(section("The file")) == keys - set(PARAMETERS)
    for word in (*PARAMETERS, *(f'"{grant}"' for grant in GRANTS)):
        assert f"`{word}`" in section("The file")


def test_every_reference_is_listed():
    """As it is written."""
    assert first_cells(section("Secrets")) == set(KINDS.values())


def test_every_preset_is_listed():
    """With its parameters, the hosts of its API, and what is to be known."""
    text = section("Presets")
    assert first_cells(text) == set(PRESETS)
    for name, preset in PRESETS.items():
        (line,) = re.findall(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        assert f"[{preset.title}]({preset.documentation})" in line
        assert preset.note in line
        for word in preset.parameters:
            assert f"`{word}`" in line
        for url in preset.allowed_origins or ():
            assert f"`{url.removeprefix('https://')}`" in line
    offline = [each.title for each in PRESETS.values() if each.offline_scope]
    for title in offline:
        assert title.partition(" (")[0] in text.rpartition("|\n")[2]


def test_every_variable_is_listed():
    """And which of them go with a profile."""
    text = section("Environment variables")
    assert first_cells(text) == {f"OAUTH_AUTH_{name}" for name in VARIABLES}
    beside = text.partition("beside which only")[2].partition("may be set")[0]
    assert set(re.findall(r"`(\w+)`", beside)) == _BESIDE_PROFILE


def test_the_wildcard_is_as_described():
    """The three hosts of the example."""
    from oauth_auth.origins import Origins

    allowed, *others = re.findall(r"`(https://[\w.]+)`", section("The file"))[-3:]
    (wildcard,) = set(re.findall(r"`(https://\*[\w.]+)`", section("The file")))
    assert Origins([wildcard]).decide(f"{allowed}/x") == allowed
    assert [Origins([wildcard]).decide(f"{url}/x") for url in others] == [None, None]


def test_the_place_is_as_described(monkeypatch, tmp_path):
    """On Linux."""
    monkeypatch.delenv("OAUTH_AUTH_HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "`~/.config/oauth_auth`" in TEXT
    if sys.platform == "linux":
        assert Profiles().path == tmp_path / ".config/oauth_auth/profiles.toml"
