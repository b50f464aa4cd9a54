"""Starts the watch in a child process, once it imports the package.

Python imports this module at its start, because `tests.secrecy.plugin` puts its
directory on PYTHONPATH. Nothing else is imported before the package itself is, so that
tests which measure what a fresh interpreter loads measure that.
"""

import os
import sys

#: The keys of `tests.secrecy.hooks.HOOKS`, which is not imported before it is needed.
_HOOKED = (
    "oauth_auth.secret",
    "oauth_auth.errors",
    "oauth_auth.login.browser_login",
    "oauth_auth.testing.authority",
    "oauth_auth.testing.clients",
    "oauth_auth.testing.process",
)


class _AfterImport:
    """Finds the package's modules where they are, and has them watched."""

    def find_spec(self, name, path, target=None):
        """Return the spec with a loader that calls the hook afterwards."""
        if name not in _HOOKED:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    spec.loader = _Loader(spec.loader)
                    return spec
        return None


class _Loader:
    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        _hooks()[module.__name__](module)


def _hooks():
    from pathlib import Path

    root = str(Path(__file__).resolve().parents[3])
    sys.path.append(root)
    try:
        from tests.secrecy.hooks import HOOKS
    finally:
        sys.path.remove(root)
    return HOOKS


if "OAUTH_AUTH_TESTS_SECRECY" in os.environ:
    sys.meta_path.insert(0, _AfterImport())
