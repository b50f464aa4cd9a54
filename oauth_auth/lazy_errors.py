"""The errors module, loaded when the first error is raised or caught.

It inherits oauthlib's classes, and importing oauthlib takes longer than everything
else on the way to the first request together. A program that never fails need not
pay for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, final

from oauth_auth import forking

__all__ = ["Late", "errors"]


@final
class Late:
    """A module of this package that is loaded when it is first looked into.

    Args:
        name: Its whole name.
    """

    __slots__ = ("_module",)

    def __init__(self, name: str) -> None:
        self._module: Final = name

    def __getattr__(self, name: str) -> Any:
        # Each time: what is in sys.modules may be half loaded, by another thread.
        with forking.importing(self._module):
            module = importlib.import_module(self._module)
        return getattr(module, name)


if TYPE_CHECKING:
    from oauth_auth import errors
else:
    errors = Late("oauth_auth.errors")
