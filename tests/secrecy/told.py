"""What an exception tells to those who print it, and to tools that print more.

Such tools (crash reporters, `traceback.TracebackException(capture_locals=True)`, the
cgitb kind) print the locals of every frame, by their repr. The frames looked at here
are those of the package, and foreign ones that they called: what the caller's own
frames hold is the caller's.
"""

import functools
import os

__all__ = ["frames_of_ours", "is_ours", "told_by_error", "told_by_frame"]

#: The package's directories, as far as it is installed; its test server is no part of
#: what must keep secrets: it issues them.
_PACKAGE = f"{os.sep}oauth_auth{os.sep}"
_TESTING = f"{_PACKAGE}testing{os.sep}"
_TESTS = f"{os.sep}tests{os.sep}"
#: What requests and responses of the HTTP libraries hold beside a harmless repr.
_INSIDE = ("headers", "body", "content", "_content", "url")
_LONGEST_CHAIN = 20


def is_ours(code):
    """Whether some code belongs to the package."""
    return _is_ours(code.co_filename)


@functools.cache
def _is_ours(name):
    return _PACKAGE in name and _TESTING not in name and _TESTS not in name


def told_by_frame(frame, passing=frozenset()):
    """Yield the repr of each local, with the parts of a text that says where.

    Args:
        frame: The frame.
        passing: Names of functions, each with that of a local to leave out.
    """
    for name, value in list(frame.f_locals.items()):
        if (frame.f_code.co_qualname, name) not in passing:
            yield _shown(value), ("local", name, *_place(frame, frame.f_lineno))


def frames_of_ours(frame):
    """Yield the package's frames from this one outwards."""
    while frame is not None:
        if is_ours(frame.f_code):
            yield frame
        frame = frame.f_back


def told_by_error(error, passing=frozenset()):
    """Yield what an exception and those behind it tell, and where, in parts.

    Args:
        error: The exception.
        passing: As in `told_by_frame`.
    """
    seen = set()
    links = [error]
    while links and len(seen) < _LONGEST_CHAIN:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield from _told_by_link(link, passing)
        links += [link.__cause__, link.__context__]
        links += getattr(link, "exceptions", ())


def _told_by_link(error, passing):
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    yield _shown(error, str), ("str of", kind)
    yield _shown(error), ("repr of", kind)
    for name, value in _attributes(error):
        yield _shown(value), ("attribute", name, "of", kind)
        if kind.startswith("oauth_auth."):
            # In a request's error: the caller's own request, as its library has it.
            continue
        for inner in _INSIDE:
            told = _shown(_got(value, inner))
            yield told, ("attribute", name, inner, "of", kind)
    yield from _told_by_traceback(error.__traceback__, passing)


def _attributes(error):
    try:
        named = dict(vars(error))
    except TypeError:
        named = {}
    # UnicodeDecodeError, JSONDecodeError: what they could not read.
    for name in ("args", "object", "doc", "_request", "request", "response"):
        named.setdefault(name, _got(error, name))
    return [(name, value) for name, value in named.items() if value is not None]


def _told_by_traceback(traceback, passing):
    inside = False
    while traceback is not None:
        frame = traceback.tb_frame
        inside = inside or is_ours(frame.f_code)
        if inside and _TESTS not in frame.f_code.co_filename:
            for name, value in list(frame.f_locals.items()):
                if (frame.f_code.co_qualname, name) not in passing:
                    place = _place(frame, traceback.tb_lineno)
                    yield _shown(value), ("local", name, *place)
        traceback = traceback.tb_next


def _place(frame, line):
    code = frame.f_code
    # No text before it is wanted: this is done for every local there is.
    return "in", code.co_qualname, code.co_filename, line


def _got(value, name):
    try:
        return getattr(value, name, None)
    except Exception:
        # httpx raises where an error has no request.
        return None


def _shown(value, how=repr):
    try:
        return how(value)
    except Exception:
        # Half-made objects have no repr yet, and tools print nothing of them either.
        return ""
