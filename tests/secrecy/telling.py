"""Tests that tell a secret, each in its own way; `test_watch` runs them, to fail.

Neither its name nor theirs is one that pytest collects by itself.
"""

import logging
import subprocess
import sys
import threading

import pytest

from oauth_auth import errors
from oauth_auth.login import browser_login
from oauth_auth.secret import Secret
from oauth_auth.token import Token

SECRET = "Zk3fT9aQw7LpXn2Vb8Ry"
log = logging.getLogger("somewhere.deep.inside")


@pytest.fixture(autouse=True)
def _secret():
    Token(SECRET)


def tell_nothing(caplog):
    log.debug("nothing: %s", Secret(SECRET))
    with caplog.at_level(logging.INFO, log.name):
        log.info("one")
        log.debug("two")
    log.info("three")
    assert caplog.messages == ["one"]
    assert log.level == logging.NOTSET


def show_login_url():
    """Have the package write the URL that a person is to open to standard error."""
    browser_login._show(Secret(f"https://auth.example.com/?state={SECRET}&x=y"), None)


SHOWING = """
from oauth_auth.login import browser_login
from oauth_auth.secret import Secret
Secret({secret!r})
browser_login._show(Secret("https://auth.example.com/?state={secret}&x=y"), None)
"""


def tell_nothing_but_to_the_person():
    show_login_url()


def tell_nothing_but_to_the_person_before_a_child_process():
    command = [sys.executable, "-c", SHOWING.format(secret=SECRET)]
    subprocess.run(command, check=True)


def tell_beside_what_the_person_sees():
    show_login_url()
    sys.stderr.write(f"state={SECRET}\n")


def tell_log_line_of_what_the_person_sees():
    show_login_url()
    log.debug("open https://auth.example.com/?state=%s&x=y", SECRET)


def tell_log_line():
    log.debug("a piece: %s", SECRET[4:12])


def tell_log_line_in_lower_case():
    log.log(1, "a header: %s", SECRET.lower())


def tell_log_line_before_it_is_known_to_be_secret():
    log.debug("received %r", b'{"refresh_token": "Hq7Wm2Zc9Kd4Jt6Nf1Xs"}')
    Secret("Hq7Wm2Zc9Kd4Jt6Nf1Xs")


def tell_log_line_of_a_secret_made_of_words():
    Secret("seed-refresh-0001")
    log.debug("sent seed-refresh-0001")


def tell_traceback_in_the_log():
    try:
        raise ValueError(SECRET)  # noqa: TRY301
    except ValueError:
        log.debug("failed", exc_info=True)


def tell_other_thread():
    thread = threading.Thread(target=log.debug, args=(SECRET,))
    thread.start()
    thread.join()


def tell_text_of_an_error():
    with pytest.raises(errors.ServerError):
        raise errors.ServerError(f"the server said {SECRET}")


def tell_attribute_of_an_error():
    error = errors.ServerError("no")
    error.note = SECRET


def tell_error_behind_an_error():
    def fail():
        try:
            raise ValueError(SECRET)  # noqa: TRY301
        except ValueError:
            raise errors.ServerError("no") from None

    with pytest.raises(errors.ServerError):
        fail()


def tell_local_of_a_frame_of_ours():
    code = compile(
        "def reserve(text):\n    raise error('no')\n",
        "/anywhere/oauth_auth/turn.py",
        "exec",
    )
    names = {"error": errors.ServerError}
    exec(code, names)
    with pytest.raises(errors.ServerError):
        names["reserve"](SECRET)


def tell_printed():
    print(SECRET)  # noqa: T201


def tell_child_process():
    code = (
        "import logging, oauth_auth.secret as s;"
        f"s.Secret({SECRET!r});"
        f"logging.getLogger('child').debug({SECRET!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def tell_child_process_with_a_word_of_the_testing_server():
    from oauth_auth.testing import TestingServer

    with TestingServer() as server:
        answer = server.issue()
    log.debug("%s", answer["access_token"][8:20])
