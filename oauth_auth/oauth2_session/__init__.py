"""The drop-in for requests-oauthlib: OAuth2Session, OAuth2 and TokenUpdated.

A script changes one import, and keeps its login however many copies of it run. What
differs on purpose is listed in ``docs/migrating.md``.

The way of one request, and where each step is:

    request     session.py   `OAuth2Session.request`, as the caller wrote it
    token       shared.py    with ``auto_refresh_url``: the login that all copies of the
                             script share, renewed by this package's own machinery
                reach.py     how that posts through the session, within a deadline
                asking.py    without: the token of this session, renewed when asked
    header      attaching.py where the token goes, also for a second try after a 401
    answer      answers.py   oauthlib parses it; a token in it is never lost
    errors      failures.py  oauthlib's where requests-oauthlib raises those
"""

from oauth_auth.oauth2_session.session import OAuth2Session
from oauth_auth.oauth2_session.static import OAuth2
from oauth_auth.oauth2_session.updated import TokenUpdated

__all__ = ["OAuth2", "OAuth2Session", "TokenUpdated"]
