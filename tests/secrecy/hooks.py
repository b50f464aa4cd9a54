"""Where the watch looks: `Secret`, our errors, the testing server, logging, logins."""

import functools
import logging
from urllib.parse import quote, quote_plus

from tests.secrecy.watch import watch

__all__ = ["HOOKS", "watch_logging"]


def _once(install):
    done = []

    @functools.wraps(install)
    def wrapper(module):
        if module not in done:
            done.append(module)
            install(module)

    return wrapper


@_once
def watch_secrets(module):
    """Learn of whatever becomes a `Secret`."""
    original = module.Secret.__init__

    @functools.wraps(original)
    def init(self, value):
        original(self, value)
        watch.learn(value)

    module.Secret.__init__ = init
    watch_logging(logging)


@_once
def watch_errors(module):
    """Look at each error of ours, and at the frames in which it is made."""
    original = module.OAuthAuthError.__init__

    @functools.wraps(original)
    def init(self, message, **facts):
        original(self, message, **facts)
        watch.hear_made(self)

    module.OAuthAuthError.__init__ = init


@_once
def watch_authority(module):
    """Learn what the testing server issues, also where its answer gets lost."""
    for kind in (module.AccessToken, module.RefreshToken):

        def init(self, *args, original=kind.__init__, **kwargs):
            original(self, *args, **kwargs)
            watch.issued(self.value)

        kind.__init__ = init


@_once
def watch_logging(module):
    """See every record at every level, as a root logger at level 1 does.

    No handler and no level is set, so that tests which set levels, and those which
    look at what a handler gets, find what they would without the watch.
    """
    logger = module.Logger
    enabled, handle = logger.isEnabledFor, logger.handle

    def is_enabled_for(_self, _level):
        return True

    def watched(self, record):
        watch.hear_record(record)
        if enabled(self, record.levelno):
            handle(self, record)

    logger.isEnabledFor = is_enabled_for
    logger.handle = watched


@_once
def watch_handle(module):
    """Learn at once what a test has the testing server issue."""
    original = module.TestingServer.issue

    @functools.wraps(original)
    def issue(self, *args, **kwargs):
        answer = original(self, *args, **kwargs)
        for name in ("access_token", "refresh_token"):
            watch.learn(answer.get(name))
        return answer

    module.TestingServer.issue = issue


@_once
def watch_client(module):
    """Learn the testing server's client secret, whose odd characters form no word."""
    secret = module.CONFIDENTIAL.client_secret
    watch.wholes |= {secret, quote_plus(secret), quote(secret, safe="")}


@_once
def watch_browser_login(module):
    """Learn which URLs a person is asked to open: they hold a login's state.

    As browser and server see it, so may who sits in front of the terminal. In a log, an
    error or a frame it is a secret all the same.
    """
    original = module._show

    @functools.wraps(original)
    def show(url, instead):
        original(url, instead)
        if instead is None:
            watch.shown(url.reveal())

    module._show = show


#: What to do when a module has been imported. `sitecustomize` has the names too.
HOOKS = {
    "oauth_auth.secret": watch_secrets,
    "oauth_auth.errors": watch_errors,
    "oauth_auth.login.browser_login": watch_browser_login,
    "oauth_auth.testing.authority": watch_authority,
    "oauth_auth.testing.clients": watch_client,
    "oauth_auth.testing.process": watch_handle,
}
