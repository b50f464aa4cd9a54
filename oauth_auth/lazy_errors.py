"""The errors module, loaded when the first error is raised or caught.

It inherits oauthlib's classes, and importing oauthlib takes longer than everything
else on the way to the first request together. A program that never fails need not
pay for it.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from oauth_auth import forking

__all__ = ["errors"]

if TYPE_CHECKING:
    from oauth_auth import errors
else:

    class _Errors:
        def __getattr__(self, name: str) -> Any:
            if "oauth_auth.errors" not in sys.modules:
                with forking.importing("oauth_auth.errors"):
                    importlib.import_module("oauth_auth.errors")
            from oauth_auth import errors as module

            return getattr(module, name)

    errors = _Errors()
