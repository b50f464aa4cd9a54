"""The system's keyring, which may not be there, or wait for a person who is not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FromKeyring", "ask_keyring"]

#: A headless machine's keyring may wait for a person who is not there.
_SECONDS: Final = 3.0


def ask_keyring(ask: Callable[[Any], Secret]) -> Secret | str:
    """Ask the keyring, and wait for three seconds at most.

    Args:
        ask: Called in another thread with the module ``keyring``.

    Returns:
        What `ask` returned, or why there is nothing, in words.

    Raises:
        TokenStoreError: `ask` raised it.
    """
    answer: list[Secret | Exception | str] = []

    def run() -> None:
        try:
            import keyring

            answer.append(ask(keyring))
        except errors.TokenStoreError as error:
            answer.append(error)
        except Exception as error:  # noqa: BLE001  # a backend may raise anything
            answer.append(f"{type(error).__name__}: {error}")

    # Daemon: a backend that waits for a person must not keep the process alive.
    thread = threading.Thread(target=run, name="oauth_auth keyring", daemon=True)
    thread.start()
    thread.join(_SECONDS)
    result = answer[0] if answer else f"no answer within {_SECONDS:.0f} s"
    if isinstance(result, Exception):
        raise result
    return result


@final
class FromKeyring:
    """A secret read from the system's keyring each time it is needed.

    Args:
        name: Service and user, with a colon between them; the user has none in it.

    Example:
        >>> FromKeyring("github:client-secret")
        FromKeyring('github:client-secret')
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    @property
    def place(self) -> tuple[str, str]:
        """The keyring's names for it: service and user."""
        service, _, user = self.name.rpartition(":")
        return service, user

    def reveal(self) -> str:
        """Return the secret.

        Raises:
            ConfigurationError: The keyring is not installed, fails, does not answer
                within three seconds, or holds no such secret.
        """

        def ask(keyring: Any) -> Secret:
            return Secret(keyring.get_password(*self.place) or "")

        result = ask_keyring(ask)
        if isinstance(result, Secret) and result:
            return result.reveal()
        why = "it holds none" if isinstance(result, Secret) else result
        service, user = self.place
        raise errors.ConfigurationError(
            f"the secret {self.name} cannot be had from the keyring: {why}; set it "
            f"with: keyring set {service} {user}"
        )

    def __repr__(self) -> str:
        return f"FromKeyring({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FromKeyring) and other.name == self.name

    def __hash__(self) -> int:
        return hash((FromKeyring, self.name))

    def __reduce__(self) -> tuple[Any, ...]:
        return FromKeyring, (self.name,)
