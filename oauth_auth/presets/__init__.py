"""Known authorization servers, as data from their public documentation.

A preset fills in what a profile does not say; see `docs/profiles.md` for the list.
"""

from oauth_auth.presets.known import PRESETS
from oauth_auth.presets.preset import PARAMETERS, Preset

__all__ = ["PARAMETERS", "PRESETS", "Preset"]
