"""Which parts of a secret would give it away, and how a text is searched for them.

A secret given away in part is given away: tools print the first characters of what
they cut. A *piece* is eight characters in a row. To look for every piece of every
secret in everything that is written down, a text is cut into words, which the texts of
one test have mostly in common, and the pieces of the words are compared as sets.

Case does not count, as some places write escapes or whole headers in lower case.
"""

import functools
import re

__all__ = ["PIECE", "assert_untold", "pieces", "secret_pieces", "words"]

PIECE = 8

#: What tokens and keys consist of. Neither dots nor percent signs: JSON Web Tokens and
#: form-encoded texts fall into parts, and each is searched for.
_WORD = re.compile(r"[a-z0-9_~+/=-]{8,}", re.IGNORECASE)
_SINGLE = re.compile(r"(?:(?:Basic|Bearer) )?([a-zA-Z0-9_~+/=.-]{8,})\s*")
#: A private key: PEM, a JWK, or a file that holds one. Its form tells, not its length.
_KEY = re.compile(r'PRIVATE KEY-----\s|"(?:d|private_key)": ?"')
_KINDS = re.compile(r"[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]+")
#: Ids of records and fingerprints of tokens, which are file names: keyed hashes.
_HASH = re.compile(r"[0-9a-f]{40}")
#: A longer text is a page or a record; what is secret in it is a secret by itself too.
_LONGEST = 4096
_SHORTEST_RANDOM = 16
#: How often random text goes over from small to capital letters to digits: base64
#: changes in 64 of 100 places, written words in at most 32.
_RESTLESS = 0.4
#: Fewer different characters, as in "00000000", are no mark of anything.
_FEWEST = 4


def words(text):
    """Return the words of a text that are long enough to hold a piece."""
    return set(_WORD.findall(text.lower()))


@functools.lru_cache(maxsize=50_000)
def pieces(word):
    """Return all parts of a word of the length that gives a secret away."""
    return frozenset(word[i : i + PIECE] for i in range(len(word) - PIECE + 1))


def secret_pieces(value):
    """Return the pieces by which a secret would be recognised.

    The package wraps more than secrets: a server's text, a client's id, whole forms
    that hold tokens among names. So only a value that is a single word counts. Of a
    random one every piece does; of one that a test made up of words and numbers
    ("seed-refresh-0001") only those with both letters and digits, since the rest is
    English.
    """
    if value.startswith(("-----BEGIN", "{")) and _KEY.search(value):
        # Of a private key every long word counts, the public ones too.
        return frozenset().union(
            *(pieces(word) for word in words(value) if len(word) >= _SHORTEST_RANDOM)
        )
    single = _SINGLE.fullmatch(value)
    if single is None or len(value) > _LONGEST or _HASH.fullmatch(value):
        return frozenset()
    found = set()
    for part in single[1].split("."):
        every = pieces(part.lower())
        if _looks_random(part):
            found |= {piece for piece in every if len(set(piece)) >= _FEWEST}
        else:
            found |= {piece for piece in every if _has_both(piece)}
    return frozenset(found)


def _looks_random(word):
    changes = len(_KINDS.findall(word)) - 1
    return len(word) >= _SHORTEST_RANDOM and changes > _RESTLESS * len(word)


def _has_both(piece):
    return re.search("[a-z]", piece) is not None and re.search("[0-9]", piece)


def assert_untold(text, secrets):
    """Let no piece of any secret be in a text.

    Of these secrets every piece counts, whatever they look like.
    """
    told = set().union(*map(pieces, words(text)))
    for secret in secrets:
        found = pieces(secret.lower()) & told
        assert not found, text
