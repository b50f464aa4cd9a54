"""Pickles that hold no readable secret: the settings are sealed under the store's key.

References to secrets stay references, and come back as such wherever the pickle is
read; the reader needs the store's key.
"""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth.lazy_errors import errors
from oauth_auth.secret import Secret
from oauth_auth.token import Token

if TYPE_CHECKING:
    from oauth_auth.stores.sealing import Sealer

__all__ = ["reduce"]

_KIND: Final = "pickle"
_NAME: Final = "auth"


@final
class _Pickler(pickle.Pickler):
    """Pickles secrets and tokens too, for text that is sealed at once."""

    def reducer_override(self, value: Any) -> Any:
        from oauth_auth.transport.options import HttpOptions

        if isinstance(value, Secret):
            return Secret, (value.reveal(),)
        if isinstance(value, Token):
            return Token.from_dict, (value.to_dict(),)
        if isinstance(value, HttpOptions):
            return HttpOptions, value._state()
        return NotImplemented


def reduce(
    kind: type[Any], grant: Any, settings: dict[str, Any], store: Any
) -> tuple[Any, tuple[Any, ...]]:
    """Return what ``__reduce__`` of an auth object returns.

    Args:
        kind: The object's class.
        grant: Its grant, or the name of its profile.
        settings: Its other arguments.
        store: Its store, whose keys seal both.

    Raises:
        ConfigurationError: The store has no key to seal with, or its keys were given
            literally.
    """
    sealer: Sealer | None = getattr(store, "sealer", None)
    if sealer is None:
        raise errors.ConfigurationError(
            f"{kind.__name__} with a {type(store).__name__} cannot be pickled: there "
            "is no key to seal its secrets with, and its tokens stay in this process; "
            "use a FileStore, or build it in each process"
        )
    buffer = io.BytesIO()
    _Pickler(buffer).dump((grant, settings))
    # A Secret holds text, so that the bytes are no local of a frame that may fail.
    sealed = sealer.seal(_KIND, _NAME, Secret(buffer.getvalue().decode("latin-1")))
    return _restored, (kind, store, sealed)


def _restored(kind: type[Any], store: Any, sealed: bytes) -> Any:
    text = store.sealer.unseal(_KIND, _NAME, sealed, "a pickled OAuthAuth")
    # Only who has the store's key can have made it: sealing authenticates.
    grant, settings = pickle.loads(text.reveal().encode("latin-1"))  # noqa: S301
    return kind(grant, **settings)
