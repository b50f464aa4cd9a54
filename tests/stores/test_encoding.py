"""What records become before they are sealed."""

import pytest

from oauth_auth import Token, errors
from oauth_auth.stores.base import Record, encode
from tests.secrecy.told import told_by_error

SECRET = "Zk3fT9aQw7LpXr2v"


class Unspeakable:
    """Something that a program put among a token's parameters."""

    def __str__(self):
        raise RuntimeError(SECRET)


def circular():
    """Return data that contains itself."""
    data = {}
    data["again"] = data
    return data


@pytest.mark.parametrize("odd", [Unspeakable(), circular()])
def test_what_json_cannot_hold_is_named_without_the_token(odd):
    """The error says what to do, and no frame of its traceback holds the token. M66."""
    token = Token(SECRET, refresh_token=SECRET, obtained_at=0.0, extra={"odd": odd})
    with pytest.raises(errors.ConfigurationError, match="plain data") as caught:
        encode(Record("line", 1, token))
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not any(SECRET in text for text, _ in told_by_error(caught.value))
