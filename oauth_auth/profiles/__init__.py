"""Named configurations: ``profiles.toml``, which holds no secret.

`OAuthAuth("name")` uses one, `oauth-auth login name` makes and logs in to one.
"""

from oauth_auth.profiles.file import Profiles
from oauth_auth.profiles.kept import (
    forget_client_secret,
    keep_client_secret,
    load_client_secret,
)
from oauth_auth.profiles.profile import GRANTS, Profile
from oauth_auth.profiles.references import SecretReference

__all__ = [
    "GRANTS",
    "Profile",
    "Profiles",
    "SecretReference",
    "forget_client_secret",
    "keep_client_secret",
    "load_client_secret",
]
