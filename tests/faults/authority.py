"""A model of an authorization server and its API, with what became of each answer."""

import itertools
from typing import NamedTuple

#: What an access token lives, in seconds.
LIFE = 100.0
#: Within this time after a rotation the same answer is given again, in seconds.
WINDOW = 600.0


class Kind(NamedTuple):
    """How a server treats refresh tokens."""

    rotates: bool = True
    #: Whether a refresh token that comes back is answered as before, for a while.
    grace: bool = False
    #: Whether a rotation ends the access token before it.
    kills: bool = False


SERVERS = {
    "strict": Kind(),
    "grace": Kind(grace=True),
    "kills": Kind(kills=True),
    "plain": Kind(rotates=False),
}


class Grant:
    """An answer with tokens, and who has it."""

    def __init__(self, family, spent, refresh_token, access_token, made_at):
        self.family = family
        self.spent = spent
        self.refresh_token = refresh_token
        self.access_token = access_token
        self.made_at = made_at
        #: Whether the refresh token is in the store.
        self.safe = False
        #: Whether its worker ended without having saved it.
        self.unsaved = False
        #: The task that received it, while it has not saved it.
        self.task = None
        #: The requests that it answers.
        self.calls = []

    @property
    def rotated(self):
        return self.refresh_token != self.spent

    def held_by_the_living(self):
        """Whether a process that lives has it, or is about to."""
        return any(
            call.state in ("answered", "received") and not call.process.dead
            for call in self.calls
        )

    def held_by(self, process):
        """Whether this process has received it."""
        return any(
            call.state == "received" and call.process is process for call in self.calls
        )


class Call:
    """A token request on its way."""

    def __init__(self, process, task, refresh_token):
        self.process = process
        self.task = task
        self.refresh_token = refresh_token
        #: "sent", then "answered" (on the way back), then "received" or "lost"; "late"
        #: when its sender has given up or died before the server saw it.
        self.state = "sent"
        self.grant = None


class Authority:
    """The server.

    Args:
        kind: How it treats refresh tokens.
        clock: Returns the time in seconds.
    """

    def __init__(self, kind, clock):
        self.kind = kind
        self._clock = clock
        self._numbers = itertools.count(1)
        #: Refresh token -> family; the current ones.
        self.current = {}
        #: Refresh token -> the answer for which it was spent.
        self.spent = {}
        #: Access token -> (family, expires at).
        self.access = {}
        self.grants = []
        #: Family -> why it is no more.
        self.ended = {}
        #: Called with a spent refresh token's grant and the call that brought it back.
        self.on_reuse = lambda grant, call: None

    def log_in(self, *, life=LIFE):
        """Start a family; return its (refresh token, access token)."""
        family = f"f{next(self._numbers)}"
        refresh_token = f"{family}-refresh-0"
        self.current[refresh_token] = family
        return refresh_token, self._issue(family, life)

    def accepts(self, access_token):
        """Whether the API takes an access token."""
        family, expires_at = self.access.get(access_token, (None, 0.0))
        return family is not None and self._clock() < expires_at

    def end(self, family, why):
        """End a family: none of its tokens is good any more."""
        self.ended.setdefault(family, why)
        self.current = {t: f for t, f in self.current.items() if f != family}
        self.access = {t: a for t, a in self.access.items() if a[0] != family}

    def family_of(self, refresh_token):
        """Return the family of a refresh token, spent or not."""
        family = self.current.get(refresh_token)
        if family is None and refresh_token in self.spent:
            family = self.spent[refresh_token].family
        return family or str(refresh_token).partition("-")[0]

    def process(self, call):
        """Grant or refuse; return (status, members)."""
        token = call.refresh_token
        if token is None:
            return 200, self._members(self._machine_grant(call))
        earlier = self.spent.get(token)
        family = self.family_of(token)
        if token in self.current:
            return self._granted(call, family, token)
        if earlier is not None and family not in self.ended:
            unspent = earlier.refresh_token in self.current
            in_time = self._clock() - earlier.made_at <= WINDOW
            if self.kind.grace and in_time and unspent:
                earlier.calls.append(call)
                call.grant = earlier
                return 200, self._members(earlier)
            self.on_reuse(earlier, call)
            self.end(family, "reuse")
        return 400, {"error": "invalid_grant"}

    def _machine_grant(self, call):
        call.grant = Grant("machine", None, None, self._issue("machine", LIFE), 0.0)
        return call.grant

    def _granted(self, call, family, token):
        following = token
        if self.kind.rotates:
            following = f"{family}-refresh-{next(self._numbers)}"
            del self.current[token]
            self.current[following] = family
        if self.kind.kills:
            self.access = {t: a for t, a in self.access.items() if a[0] != family}
        access_token = self._issue(family, LIFE)
        grant = Grant(family, token, following, access_token, self._clock())
        self.grants.append(grant)
        grant.calls.append(call)
        call.grant = grant
        if self.kind.rotates:
            self.spent[token] = grant
        return 200, self._members(grant)

    def _members(self, grant):
        members = {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": LIFE,
        }
        if grant.rotated:
            members["refresh_token"] = grant.refresh_token
        return members

    def _issue(self, family, life):
        access_token = f"{family}-access-{next(self._numbers)}"
        self.access[access_token] = (family, self._clock() + life)
        return access_token
