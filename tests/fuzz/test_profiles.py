"""The file of profiles, with anything in it, and with anything saved."""

import os

from hypothesis import strategies as st

from oauth_auth.profiles import Profile, Profiles
from tests.fuzz.exploring import explore, thoroughness
from tests.fuzz.profiles import (
    SECRET,
    START,
    error_of,
    files,
    profiles,
    saved_law,
    text_law,
)


@thoroughness
def test_whatever_text_is_read(thorough):
    """It gives profiles, or an error that names path and line and tells no secret."""
    explore(text_law, files, thorough=thorough, cases=200)


@thoroughness
def test_what_is_saved_is_read_back(thorough, tmp_path):
    """Beside anything else that is in the file, which stays as it was."""
    path = tmp_path / "profiles.toml"

    def law(start, profile):
        saved_law(path, start, profile)

    explore(law, st.sampled_from(["", "# x\n", START]), profiles(), thorough=thorough)


@thoroughness
def test_whatever_bytes_are_read(thorough, tmp_path):
    """Names, or an error; nothing else comes out of the file."""
    path = tmp_path / "profiles.toml"

    def law(data):
        path.write_bytes(data)
        error = error_of(lambda: Profiles(path).names())
        assert error is None or str(error).startswith(str(path))

    explore(law, st.binary(max_size=60), thorough=thorough)


@thoroughness
def test_whatever_a_setting_is(thorough):
    """Python callers get profiles or errors, too."""
    anything = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.just(SECRET),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.text(max_size=4) | st.just("env"), inner, max_size=2)
        ),
        max_leaves=4,
    )

    def law(name, value):
        table = {"preset": "github", "client_id": "x", name: value}
        error = error_of(lambda: Profile.from_dict("p", table))
        if error is not None:
            assert str(error).isprintable()
            return
        profile = Profile.from_dict("p", table)
        assert Profile.from_dict("p", profile.to_dict()) == profile

    keys = st.sampled_from([*Profile.__dataclass_fields__]) | st.text(max_size=5)
    explore(law, keys, anything, thorough=thorough, cases=200)


@thoroughness
def test_whatever_the_variables_are(thorough, monkeypatch):
    """An object, or an error that has no value in it."""
    from oauth_auth.profiles.environment import VARIABLES, from_environment

    # Variables hold no NUL, and what the system's encoding can tell.
    texts = st.one_of(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        st.sampled_from(["https://auth.example.com", SECRET, "github", "1"]),
    )

    def law(variables):
        for name, text in variables.items():
            os.environ[f"FUZZ_{name}"] = text
        try:
            error = error_of(lambda: from_environment("FUZZ_"))
        finally:
            for name in variables:
                del os.environ[f"FUZZ_{name}"]
        if error is not None:
            assert str(error).isprintable()
            assert "FUZZ_" in str(error)
            assert SECRET not in str(error)

    keys = st.sampled_from([*VARIABLES, "CLIENT_IDS", "OTHER"])
    explore(law, st.dictionaries(keys, texts, max_size=6), thorough=thorough, cases=200)
