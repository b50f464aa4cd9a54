"""Hidden: a value with secrets in it, on its way through our frames."""

from __future__ import annotations

import copy
from typing import Final, Generic, NoReturn, TypeVar, final

__all__ = ["Hidden"]

_Value = TypeVar("_Value")


@final
class Hidden(Generic[_Value]):
    """Anything that holds secrets, whose ``repr`` does not show it.

    What `Secret` is for a text, this is for the dictionaries, tuples and forms that
    scripts and oauthlib hand around in the clear.

    Args:
        value: The value; use it only in the expression that hands it on.
    """

    __slots__ = ("value",)

    def __init__(self, value: _Value) -> None:
        self.value: Final = value

    def __repr__(self) -> str:
        return "Hidden(...)"

    def __deepcopy__(self, memo: dict[int, object]) -> Hidden[_Value]:
        return Hidden(copy.deepcopy(self.value, memo))

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "what is hidden does not pickle, since anyone can read a pickle"
        )
