"""Steps of a `Wire` in which an answer is lost, spoiled, or just looks odd."""

import gzip

from tests.faults.wire import END_OF_HEAD, lost_after, lost_before


def reset_at_once(exchange):
    """The connection is reset before anything was read."""
    exchange.reset()


def closed_at_once(exchange):
    """The connection is closed before anything was read."""


def reset_when_read(exchange):
    """The connection is reset when the request has been read."""
    assert exchange.request
    exchange.reset()


def reset_instead(exchange):
    """The connection is reset in place of an answer."""
    exchange.processed()
    exchange.reset()


def _cut(name, keep):
    def closed(exchange):
        exchange.send(keep(*exchange.processed()))

    def reset(exchange):
        closed(exchange)
        exchange.reset()

    closed.__name__, reset.__name__ = f"cut in {name}", f"reset in {name}"
    return closed, reset


def spoiled(name, spoil):
    """Return a step that sends what a function makes of the answer."""

    def step(exchange):
        exchange.send(spoil(*exchange.processed()))

    step.__name__ = name
    return step


def _with_length(head, length):
    return _without_length(head, b"Content-Length: %d" % length)


def _without_length(head, *more):
    lines = head.removesuffix(END_OF_HEAD).split(b"\r\n")
    kept = [line for line in lines if b"content-length" not in line.lower()]
    return b"\r\n".join([*kept, *more]) + END_OF_HEAD


def _chunked(head, *parts):
    return _without_length(head, b"Transfer-Encoding: chunked") + b"".join(parts)


def _chunk(data):
    return b"%x;name=value\r\n%s\r\n" % (len(data), data)


def _gzipped(head, body):
    return _without_length(head, b"Content-Encoding: gzip") + body


def _continued(head, body):
    return b"HTTP/1.1 100 Continue\r\n\r\n" + head + body


#: The server never sees the request, of which a part may have been sent.
UNPROCESSED = (closed_at_once, reset_when_read, lost_before)

#: The server has processed the request, and no library can use its answer.
UNUSABLE = (
    lost_after,
    reset_instead,
    *_cut("the status line", lambda head, _: head[:7]),
    *_cut("the headers", lambda head, _: head[: len(head) // 2]),
    *_cut("the empty line", lambda head, _: head),
    *_cut("the body", lambda head, body: head + body[:-1]),
    spoiled("no HTTP", lambda _, body: body),
    spoiled("another protocol", lambda *_: b"SSH-2.0-OpenSSH_9.6\r\n"),
    spoiled("no status", lambda _, body: b"HTTP/1.1\r\n\r\n" + body),
    spoiled("letters as status", lambda _, body: b"HTTP/1.1 OK\r\n\r\n" + body),
    spoiled("1000 as status", lambda _, body: b"HTTP/1.1 1000 A\r\n\r\n" + body),
    spoiled("length too long", lambda head, body: _with_length(head, 9999) + body),
    spoiled("length too short", lambda head, body: _with_length(head, 20) + body),
    spoiled("chunks of garbage", lambda head, body: _chunked(head, b"zz\r\n", body)),
    spoiled("a negative chunk", lambda head, body: _chunked(head, b"-5\r\n", body)),
    spoiled("chunks cut", lambda head, body: _chunked(head, _chunk(body[:9]))),
    spoiled("gzip that is none", _gzipped),
    spoiled("gzip cut", lambda head, body: _gzipped(head, gzip.compress(body)[:30])),
    spoiled("huge header", lambda head, body: head[:-2] + b"X: " + b"x" * 300_000),
    spoiled("continue alone", lambda *_: b"HTTP/1.1 100 Continue\r\n\r\n"),
)

#: Every library understands these.
ODD = (
    spoiled("HTTP/1.0", lambda head, body: head.replace(b"/1.1", b"/1.0") + body),
    spoiled("no length", lambda head, body: _without_length(head) + body),
    spoiled("bytes behind it", lambda head, body: head + body + b"\r\n<!-- -->"),
    spoiled("100 Continue", _continued),
    spoiled(
        "chunks",
        lambda head, body: _chunked(
            head, _chunk(body[:1]), _chunk(body[1:]), b"0\r\nX-Trailer: 1\r\n\r\n"
        ),
    ),
    spoiled("gzip", lambda head, body: _gzipped(head, gzip.compress(body))),
    spoiled(
        "byte order mark",
        lambda head, body: _without_length(head) + b"\xef\xbb\xbf" + body,
    ),
    spoiled(
        "text/html",
        lambda head, body: head.replace(b"application/json", b"text/html") + body,
    ),
    spoiled(
        "long headers",
        lambda head, body: (
            head[:-2]
            + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(40))
            + b"\r\n"
            + body
        ),
    ),
    spoiled("201", lambda head, body: head.replace(b"200 OK", b"201 Created") + body),
    spoiled("no reason", lambda head, body: head.replace(b"200 OK", b"200") + body),
)

early_hints = spoiled(
    "103 Early Hints",
    lambda head, body: (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + head + body
    ),
)
