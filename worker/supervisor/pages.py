"""What a page that the child wrote may hold: read by a strict grammar, since a browser will read it later.

Attack considered: a crafted checkpoint takes over the child, and the report's page carries a script that acts for the
person who reads it. The API forbids scripts by a header; a page saved to a disk has none, so it is refused here.
"""

import re
from html import unescape

# The encoding comes first and is fixed: under another one, bytes that are text here could be tags to a browser.
_HEAD = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
_TAGS = re.compile(
    r"html|head|meta|title|body|header|section|h1|h2|h3|p|em|small|span|div|ul|li|dl|dt|dd"
    r"|table|caption|thead|tbody|tr|th|td|figure|figcaption|svg|defs|g|path|rect|text|use|clippath|pattern",
    re.IGNORECASE,
)
_ATTRIBUTES = re.compile(
    r"name|content|class|scope|colspan|role|aria-label|id|style|width|height|viewbox|version|d|x|y"
    r"|transform|clip-path|href|patternunits|fill",
    re.IGNORECASE,
)
# Every "<" begins one of these, so that no reader sees a tag where this one saw text.
_PIECE = re.compile(
    r"[^<\x00-\x08\x0b-\x1f]+"
    r"|<style>(?P<style>[^<]*)</style>"
    r"|</?(?P<tag>[A-Za-z0-9]+)(?P<attributes>(?:\s+[A-Za-z-]+=\"[^\"<>]*\")*)\s*/?>"
)
_ATTRIBUTE = re.compile(r"([A-Za-z-]+)=\"([^\"]*)\"")
_LOADS = re.compile(r"@import|url\s*\((?!#[\w-]+\))|src\s*\(|image|\\", re.IGNORECASE)


class PageRefused(Exception):
    """The page holds more than text, tables and drawings."""


def require_plain_page(content: bytes) -> None:
    """Raise `PageRefused` unless the page is made of known tags and attributes alone, and loads nothing."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageRefused("the page is not UTF-8") from error
    if not text.startswith(_HEAD):
        raise PageRefused("the page does not begin as ours do")
    place = len(_HEAD)
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None:
            raise PageRefused(f"the page holds markup that it should not, at letter {place}")
        _require_known(found)
        place = found.end()


def _require_known(piece: re.Match[str]) -> None:
    _require_loads_nothing(piece["style"] or "")
    tag = piece["tag"]
    if tag is not None and not _TAGS.fullmatch(tag):
        raise PageRefused(f"the page holds a tag {tag[:20]}")
    for name, value in _ATTRIBUTE.findall(piece["attributes"] or ""):
        if not _ATTRIBUTES.fullmatch(name) or (name.lower() == "href" and not value.startswith("#")):
            raise PageRefused(f"the page holds an attribute {name[:20]}")
        if name.lower() in ("style", "fill", "clip-path"):
            _require_loads_nothing(value)


def _require_loads_nothing(style: str) -> None:
    if _LOADS.search(style) or _LOADS.search(unescape(style)):
        raise PageRefused("the page's style loads something")
