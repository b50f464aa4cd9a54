"""TokenAuth: a grant, a store and the settings of both; no HTTP client.

`oauth_auth.http_clients` adds how requests get the token, and how a 401 is answered.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from oauth_auth import forking
from oauth_auth.grants.base import Grant
from oauth_auth.lazy_errors import errors
from oauth_auth.origins import origins_of
from oauth_auth.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oauth_auth.held import Held
    from oauth_auth.renewal import Terms, TokenSource
    from oauth_auth.sources import Found
    from oauth_auth.stores.base import TokenStore
    from oauth_auth.token import Token
    from oauth_auth.transport import HttpOptions

__all__ = ["TokenAuth"]

_Result = TypeVar("_Result")
_log = logging.getLogger("oauth_auth")
#: Bounds of what one process remembers.
_ANNOUNCED_KEPT: Final = 64
#: Threads of one event loop that read stores and finish logins at a time.
_THREADS: Final = 64
#: Seconds.
_LEEWAY: Final = 30.0
_TIMEOUT: Final = 10.0
_limiter: Any = None


class TokenAuth:
    """Gets tokens for one grant, shared with everybody who uses the same store.

    Cheap to build: objects with equal settings share one record, and within a process
    one token in memory. Safe to use from all threads, tasks and processes at once.

    Args:
        grant: How a token is had, or the name of a profile, whose settings then are
            the defaults of the next six arguments; see `oauth_auth.profiles`.
        store: Where tokens are kept; by default at the URL in ``OAUTH_AUTH_STORE``,
            else in the user's `FileStore`.
        account: Tells people or tenants under one client apart.
        allowed_origins: URLs whose origins may get the token; requests to others go
            without it. By default every origin that the caller itself names gets it,
            over https or on loopback.
        leeway: Seconds before expiry at which a token is no longer used, 30 by
            default; at most a tenth of its life counts.
        background: Renew stale tokens behind the requests' back, as is the default.
            False for runtimes that freeze between requests.
        timeout: Seconds for one exchange with the authorization server, in total; 10
            by default.
        http: How to reach the authorization server: `HttpOptions`, or a function that
            returns a fresh ``requests.Session``, ``httpx.Client`` or
            ``httpx2.Client`` for one exchange.
        on_token: Called in the caller's thread with each new `Token`, when this object
            first uses it. What it raises is logged.
        interactive: Have a person log in, as `login` does, when a request finds no
            usable token. Otherwise it raises LoginRequired, and no request ever opens
            a browser.

    Raises:
        ConfigurationError: The settings cannot work.
    """

    #: The HTTP library whose connections reach the authorization server.
    _library: ClassVar[str | None] = None

    def __init__(
        self,
        grant: Grant | str,
        *,
        store: TokenStore | None = None,
        account: str | None = None,
        allowed_origins: Iterable[str] | None = None,
        leeway: float | None = None,
        background: bool | None = None,
        timeout: float | None = None,
        http: HttpOptions | Callable[[], object] | None = None,
        on_token: Callable[[Token], object] | None = None,
        interactive: bool = False,
    ) -> None:
        settings: dict[str, Any] = {
            name: value
            for name, value in (
                ("store", store),
                ("account", account),
                ("allowed_origins", allowed_origins),
                ("leeway", leeway),
                ("background", background),
                ("timeout", timeout),
            )
            if value is not None
        }
        if allowed_origins is not None:
            settings["allowed_origins"] = _listed(allowed_origins)
        self._profile: str | None = None
        #: What was given beside the profile's name.
        self._given: dict[str, Any] = settings
        if isinstance(grant, str):
            # Imported here, since most programs have no profiles.
            from oauth_auth.profiles.use import configured

            self._profile = grant
            grant, settings = configured(grant, settings)
        elif not isinstance(grant, Grant):
            raise errors.ConfigurationError(
                f"{type(self).__name__} needs a grant such as ClientCredentials(...) "
                f"or the name of a profile, not {grant!r}"
            )
        leeway = settings.get("leeway", _LEEWAY)
        timeout = settings.get("timeout", _TIMEOUT)
        if timeout <= 0 or leeway < 0:
            raise errors.ConfigurationError(
                f"timeout={timeout!r} must be more than 0 seconds, and "
                f"leeway={leeway!r} not less"
            )
        self._grant: Final = grant
        self._store: Final[TokenStore] = settings.get("store") or _default_store()
        self._account: Final[str | None] = settings.get("account")
        self._allowed_origins: Final[list[str] | None] = settings.get("allowed_origins")
        origins = self._allowed_origins
        self._origins: Final = origins_of(None if origins is None else tuple(origins))
        self._leeway: Final = leeway
        self._background: Final[bool] = settings.get("background", True)
        self._timeout: Final = timeout
        self._http: Final = http
        self._on_token: Final = on_token
        self._interactive: Final = interactive
        self._source: TokenSource | None = None
        self._found: Found | None = None
        self._terms: dict[str | None, Terms] = {}
        self._announced: Held | None = None
        self._announcing: dict[int, object] = {}

    @classmethod
    def from_env(cls, prefix: str = "OAUTH_AUTH_", **settings: Any) -> Self:
        """Make an object of what environment variables say.

        ``OAUTH_AUTH_PROFILE`` names a profile. Without it ``OAUTH_AUTH_ISSUER`` (or
        ``OAUTH_AUTH_PRESET``, ``OAUTH_AUTH_TOKEN_ENDPOINT``), ``OAUTH_AUTH_CLIENT_ID``,
        ``OAUTH_AUTH_CLIENT_SECRET`` or ``OAUTH_AUTH_CLIENT_SECRET_FILE``,
        ``OAUTH_AUTH_SCOPE`` and so on say what a profile would; ``docs/profiles.md``
        lists them all. Secrets are read anew each time they are needed.

        Args:
            prefix: What the variables' names begin with.
            settings: Arguments of this class, which win over the variables.

        Raises:
            ConfigurationError: A variable is missing, misspelt or contradicts another.
        """
        from oauth_auth.profiles.environment import from_environment

        configured, found = from_environment(prefix)
        if isinstance(configured, str):
            return cls(configured, **{**found, **settings})
        grant = configured.build_grant().of_profile(None)
        return cls(grant, **{**configured.settings(), **found, **settings})

    # -- tokens ---------------------------------------------------------------------

    def token(self) -> Token:
        """Return a fresh token, renewing it if need be.

        Raises:
            LoginRequired: A person has to log in.
            OAuthAuthError: No token is to be had.
        """
        return self._held().token

    def access_token(self) -> str:
        """Return a fresh access token, for anything that takes one as text.

        Raises:
            LoginRequired: A person has to log in.
            OAuthAuthError: No token is to be had.
        """
        return self._held().token.access_token or ""

    def renew(self) -> Token:
        """Replace the token now, or take over one that another worker just renewed.

        Raises:
            OAuthAuthError: No other token is to be had.
        """
        source = self._resolved()
        seen = source.held or source.look()
        return self._held(rejected=seen).token

    async def atoken(self) -> Token:
        """Return what `token` does, without blocking the event loop."""
        return (await self._aheld()).token

    async def aaccess_token(self) -> str:
        """Return what `access_token` does, without blocking the event loop."""
        return (await self._aheld()).token.access_token or ""

    async def arenew(self) -> Token:
        """Do what `renew` does, without blocking the event loop."""
        source = await self._aresolved()
        seen = source.held or await in_thread(source.look)
        return (await self._aheld(rejected=seen)).token

    def for_account(self, account: str) -> Self:
        """Return an object with the same settings for another person or tenant.

        Args:
            account: Any text that names the person, such as the user's id.
        """
        # A profile is not looked up again: it may have changed since this was made.
        grant = self._grant
        if account != self._account:
            grant = grant.without_command()
        other = type(self)(grant, **{**self._settings(), "account": account})
        other._profile = self._profile
        other._given = {**self._given, "account": account}
        return other

    # -- for the HTTP clients -------------------------------------------------------

    def _held(self, rejected: Held | None = None, library: str | None = None) -> Held:
        source = self._source or self._resolved()
        try:
            held = source.obtain(self._terms_for(library), rejected)
        except errors.LoginRequired as error:
            held = self._without_login(source, error, rejected, library)
        if held is not self._announced:
            self._announce(held)
        return held

    async def _aheld(
        self, rejected: Held | None = None, library: str | None = None
    ) -> Held:
        source = self._source or await self._aresolved()
        try:
            held = await source.obtain_async(self._terms_for(library), rejected)
        except errors.LoginRequired as error:
            held = await self._awithout_login(source, error, rejected, library)
        if held is not self._announced:
            self._announce(held)
        return held

    def _without_login(
        self,
        source: TokenSource,
        error: errors.LoginRequired,
        rejected: Held | None,  # noqa: ARG002  # for `LoginAuth`
        library: str | None,  # noqa: ARG002
    ) -> Held:
        """Say that a person has to log in, and raise; `LoginAuth` can do more."""
        source.say_once(logging.ERROR, error.message, "%s", error)
        raise error

    async def _awithout_login(
        self,
        source: TokenSource,
        error: errors.LoginRequired,
        rejected: Held | None,
        library: str | None,
    ) -> Held:
        """Do what `_without_login` does, without blocking the event loop."""
        return TokenAuth._without_login(self, source, error, rejected, library)

    # -- settings -------------------------------------------------------------------

    def _resolved(self) -> TokenSource:
        """Return the source of this grant's tokens; the store is asked only once."""
        if self._source is None:
            self._found = _sources().find_source(
                self._store, self._grant, self._account
            )
            self._source = self._found.source
        return self._source

    async def _aresolved(self) -> TokenSource:
        if self._source is None and self._resolving_takes_time():
            await in_thread(self._resolved)
        return self._resolved()

    def _resolving_takes_time(self) -> bool:
        """Whether it touches the disk, or loads much, and so is worth a thread."""
        if self._grant.takes_time or "oauth_auth.sources" not in sys.modules:
            return True
        return not _sources().knows(self._store, self._grant)

    def _terms_for(self, library: str | None) -> Terms:
        terms = self._terms.get(library)
        if terms is None:
            self._resolved()
            assert self._found is not None  # noqa: S101  # _resolved has set it
            terms = self._terms[library] = self._found.terms(
                self._grant,
                Reach(library or self._library, self._http, self._timeout),
                account=self._account,
                leeway=self._leeway,
                background=self._background,
            )
        return terms

    def _announce(self, held: Held) -> None:
        """Tell the caller of a token that this object uses for the first time."""
        if not self._is_first_use(held):
            return
        if self._on_token is None or self._is_seed(held.token):
            return
        try:
            self._on_token(held.token)
        except Exception:  # noqa: BLE001  # the caller's code may raise anything
            _log.exception("on_token failed; the token is kept all the same")

    def _is_first_use(self, held: Held) -> bool:
        """Note that a token is used; True for the first of several threads."""
        self._announced = held
        # A dictionary can tell which one that is, and needs no lock that a fork could
        # leave held.
        mine = object()
        if self._announcing.setdefault(held.generation, mine) is not mine:
            return False
        if len(self._announcing) > _ANNOUNCED_KEPT:
            self._announcing = {held.generation: mine}
        return True

    def _is_seed(self, token: Token) -> bool:
        seed = getattr(self._grant, "seed", None)
        # A server that does not rotate gives the same refresh token again.
        return seed is not None and (seed._refresh_token, seed._access_token) == (
            token._refresh_token,
            token._access_token,
        )

    def _settings(self) -> dict[str, Any]:
        return {
            "store": self._store,
            "account": self._account,
            "allowed_origins": self._allowed_origins,
            "leeway": self._leeway,
            "background": self._background,
            "timeout": self._timeout,
            **self._own_settings(),
        }

    def _own_settings(self) -> dict[str, Any]:
        """Return the settings that no profile has."""
        return {
            "http": self._http,
            "on_token": self._on_token,
            "interactive": self._interactive,
        }

    def __repr__(self) -> str:
        account = f", account={self._account!r}" if self._account else ""
        of = self._profile or self._grant
        return f"{type(self).__name__}({of!r}, store={self._store!r}{account})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from oauth_auth import sealed_pickle  # loads pickle, if anybody does

        grant: Grant | str = self._grant
        settings = self._settings()
        if self._profile is not None:
            # A name stays a name, which another machine's file may describe otherwise.
            grant, settings = self._profile, {**self._given, **self._own_settings()}
        return sealed_pickle.reduce(type(self), grant, settings, self._store)


_loaded: Any = None


def _sources() -> Any:
    """Return the module `sources`, which is loaded with the first token.

    Not with every program that imports this one: records, renewals and the rest of the
    machinery below are most of the package. An import statement in the place of each
    call would take a tenth of what an object that is made for one request does.
    """
    global _loaded  # noqa: PLW0603  # once per process
    if _loaded is None:
        with forking.importing("oauth_auth.sources"):
            from oauth_auth import sources
        _loaded = sources
    return _loaded


def _listed(origins: Iterable[str]) -> list[str]:
    return [origins] if isinstance(origins, str) else list(origins)


def _default_store() -> TokenStore:
    from oauth_auth.stores.places import own_store

    return own_store()


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """Run what touches a disk or network without blocking the event loop.

    The threads are counted apart from the application's own: it may have as many
    people's logins under way as its pool has threads.
    """
    import anyio.lowlevel
    import anyio.to_thread

    global _limiter  # noqa: PLW0603  # made late, since anyio loads late
    if _limiter is None:
        _limiter = anyio.lowlevel.RunVar("oauth_auth threads")
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_THREADS)
        _limiter.set(limiter)
    return await anyio.to_thread.run_sync(function, limiter=limiter)
