"""The page that the browser ends on after a login."""

from __future__ import annotations

import enum
import html
from string import Template
from typing import Final, NamedTuple

__all__ = ["Page", "render"]


class _Words(NamedTuple):
    title: str
    text: str
    #: "good", "bad" or "plain": the colour of the mark.
    tone: str
    mark: str


class Page(enum.Enum):
    """How it went, and what the person does next."""

    DONE = _Words(
        "You are logged in",
        "You can close this tab and go back to the program.",
        "good",
        "M13 25l8 8 15-17",
    )
    DENIED = _Words(
        "Access was refused",
        "Nothing has changed. Start the login again if that was not meant.",
        "bad",
        "M16 16l16 16M32 16L16 32",
    )
    FAILED = _Words(
        "The login failed",
        "The program that asked for it says what to do next.",
        "bad",
        "M24 13v14M24 34v.1",
    )
    STRANGE = _Words(
        "Not the answer to this login",
        "A login is waiting here, and this page does not belong to it. Go back to the "
        "tab in which you were logging in.",
        "plain",
        "M24 13v14M24 34v.1",
    )
    NOTHING = _Words(
        "Nothing to see here",
        "A program waits at this address for a login to end.",
        "plain",
        "M15 24h18",
    )


#: Needs no script, font or image, so that it looks the same without a network, and the
#: headers can forbid everything else.
_TEMPLATE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>$title</title>
<style>
:root { --page: #f4f5f7; --card: #fff; --edge: #e2e5ea; --text: #1b1f27;
  --soft: #5a6372; --good: #18794e; --bad: #c0362c; --plain: #5a6372; }
@media (prefers-color-scheme: dark) { :root { --page: #101318; --card: #191d24;
  --edge: #2b313b; --text: #eceff4; --soft: #a3acba; --good: #4cc38a;
  --bad: #f2776b; --plain: #a3acba; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center;
  padding: 1.5rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 27rem; padding: 2.75rem 2.25rem 2.5rem;
  text-align: center; background: var(--card); border: 1px solid var(--edge);
  border-radius: 14px; box-shadow: 0 1px 2px #0000000d, 0 12px 32px #00000012; }
svg { width: 52px; height: 52px; color: var(--$tone); }
circle { fill: currentColor; opacity: .14; }
path { fill: none; stroke: currentColor; stroke-width: 3.4; stroke-linecap: round;
  stroke-linejoin: round; }
h1 { margin: 1.1rem 0 .45rem; font-size: 1.4rem; font-weight: 620;
  letter-spacing: -.01em; }
p { margin: 0; color: var(--soft); text-wrap: balance; }
.said { text-wrap: wrap; margin-top: 1.4rem; padding: .8rem 1rem; text-align: left;
  font-size: .9rem; color: var(--text); background: var(--page);
  border-radius: 9px; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<svg viewBox="0 0 48 48" role="img" aria-hidden="true">\
<circle cx="24" cy="24" r="24"/><path d="$mark"/></svg>
<h1>$title</h1>
<p>$text</p>
$said
</main>
</body>
</html>
""")


def render(page: Page, said: str = "") -> bytes:
    """Return a page in HTML (UTF-8), which needs nothing else.

    Args:
        page: Which one.
        said: What the server or the program said of it; holds no secret.
    """
    words = page.value
    quote = f'<p class="said">{html.escape(said)}</p>' if said else ""
    return _TEMPLATE.substitute(words._asdict(), said=quote).encode()
