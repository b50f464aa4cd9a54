"""Laws of `profiles.toml`: whatever is written there, by people or by us."""

import string
import tomllib
from pathlib import Path

from hypothesis import strategies as st

from oauth_auth import errors
from oauth_auth.profiles import Profile, Profiles, SecretReference
from oauth_auth.profiles.source import parse
from oauth_auth.profiles.values import READERS
from oauth_auth.secret import Secret

__all__ = [
    "SECRET",
    "START",
    "error_of",
    "files",
    "profiles",
    "saved_law",
    "settings",
    "text_law",
]

PATH = Path("/home/me/profiles.toml")
#: It stands in the texts where no secret may stand, and never in an error.
SECRET = "Zq7xK2mW9vLp4TnB"
START = """\
# by hand
[a]
preset = "github" # here
client_id = 'x'

[b]
issuer = "https://auth.example.com"
client_id = "y"
client_secret = { env = "S" }
extra.c = "d"
"""


def text_law(text):
    """A text gives profiles, or errors that name the line and tell no secret."""
    try:
        source = parse(PATH, Secret(text))
    except errors.ConfigurationError as error:
        _check_error(error, text)
        return
    for name in source.names():
        try:
            profile = source.profile(name)
        except errors.ConfigurationError as error:
            _check_error(error, text)
            continue
        assert profile.name == name
        assert Profile.from_dict(name, profile.to_dict()) == profile
        assert set(profile.to_dict()) - set(READERS) == set()
        # References stay references, and nothing is asked for.
        profile.build_grant()
        profile.settings()


def error_of(function):
    """Return the ConfigurationError that a function raises, or None."""
    try:
        function()
    except errors.ConfigurationError as error:
        return error
    return None


def _check_error(error, text):
    message = str(error)
    place = message.removeprefix(f"{PATH}, line ")
    assert place != message
    assert 1 <= int(place.partition(":")[0]) <= text.count("\n") + 1
    assert message.isprintable()
    assert SECRET not in message
    assert error.__cause__ is None
    assert error.__context__ is None or SECRET not in str(error.__context__)


def saved_law(path, start, profile):
    """What is saved is read back, and everything else stays as it was."""
    path.write_text(start, "utf-8")
    path.chmod(0o600)
    before = tomllib.loads(start)
    kept = Profiles(path)
    kept.save(profile, replace=True)
    assert kept.load(profile.name) == profile
    after = tomllib.loads(path.read_text("utf-8"))
    assert after.pop(profile.name) == profile.to_dict()
    before.pop(profile.name, None)
    assert after == before
    for line in start.split("\n"):
        if line.startswith("#"):
            assert line in path.read_text("utf-8")
    kept.remove(profile.name)
    assert tomllib.loads(path.read_text("utf-8")) == before


_LETTERS = string.ascii_letters + string.digits
names = st.builds(
    str.__add__, st.sampled_from(_LETTERS), st.text(f"{_LETTERS}_-", max_size=10)
)
printable = st.text(max_size=20).filter(lambda text: text and text.isprintable())
urls = st.sampled_from(
    ["https://auth.example.com/a", "https://b.example", "http://[::1]"]
)
references = st.one_of(
    st.builds(SecretReference, st.just("env"), st.just("NAME")),
    st.builds(SecretReference, st.just("keyring"), printable.map("s:{}".format)).filter(
        lambda reference: not reference.name.endswith(":")
    ),
    st.just(SecretReference("store")),
)
parameters = st.dictionaries(printable, printable, max_size=3)


@st.composite
def profiles(draw):
    """Profiles that work, of every grant."""
    grant = draw(
        st.sampled_from(["authorization_code", "device_code", "client_credentials"])
    )
    settings = {
        "name": draw(names),
        "grant": grant,
        "client_id": draw(printable),
        "issuer": draw(urls),
        "client_secret": draw(references),
    }
    for name, values in {
        "scope": printable,
        "audience": printable,
        "account": printable,
        "extra": parameters,
        "resource": st.lists(urls, max_size=2),
        "allowed_origins": st.lists(urls, max_size=2),
        "leeway": st.integers(0, 10**6) | st.floats(0, 1e6),
        "timeout": st.floats(0.001, 1e6),
        "background": st.booleans(),
        "store": st.just("~/x"),
        "preset": st.just("slack"),
    }.items():
        if draw(st.booleans()):
            settings[name] = draw(values)
    return Profile(**settings)


#: A setting as somebody may write it, sometimes a wrong one.
values = st.one_of(
    st.sampled_from(
        [
            "{ env = 'NAME' }",
            "{ store = true }",
            "'https://auth.example.com'",
            "['a', 'b']",
            "'github'",
            "'client_credentials'",
            "1",
            "-0.5",
            "nan",
            "true",
            "1979-05-27T07:32:00Z",
            "'''\n'''",
            "[]",
            "{}",
        ]
    ),
    st.text(max_size=8),
)
settings = st.builds(
    "{} = {}".format, st.sampled_from([*READERS, "isuer", "'a b'", "extra.x"]), values
)
#: What somebody writes who does not know of references.
secrets = st.sampled_from(
    [
        f"client_secret = '{SECRET}'",
        f'refresh_token = "{SECRET}" # ?',
        f"client_secret = {{ env = '{SECRET}!' }}",
        f"client_secret = {{ value = '{SECRET}' }}",
        f"client_secret = {{ store = '{SECRET}' }}",
        f"client_secret = {{ file = '{SECRET}', env = '{SECRET}' }}",
        f"client_secret = ['{SECRET}']",
        f"client_secret = '{SECRET}",
        f"client_secret = {SECRET}",
        f"extra = {{ client_secret = '{SECRET}' }}",
        f"extra.password = '{SECRET}'",
        f"[a.extra]\nassertion = '{SECRET}'",
    ]
)
lines = st.one_of(
    settings,
    secrets,
    st.builds("[{}]".format, names | st.text(max_size=5)),
    st.just("[a]\nclient_id = 'x'\nissuer = 'https://auth.example.com'"),
    st.text(max_size=10),
)
files = st.one_of(
    st.text(max_size=60),
    st.lists(lines, max_size=8).map("\n".join),
    st.builds(
        lambda start, end, text: START[:start] + text + START[end:],
        st.integers(0, len(START)),
        st.integers(0, len(START)),
        st.text(max_size=10) | settings,
    ),
)
