"""Compose one self-contained page: assets inlined, nothing remote, every script named."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib import resources

from siting.errors import OutputError

ASSET = "asset:"
"""Scheme of the addresses that `compose_page` replaces by the text of an asset."""

DATA_SLOT = "<!--siting-data-->"
"""Where the page's data go."""

_SCRIPT_LINK = re.compile(rf'<script src="{ASSET}([\w./-]+)"></script>')
_STYLE_LINK = re.compile(rf'<link rel="stylesheet" href="{ASSET}([\w./-]+)"\s*/?>')
_CSS_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)['\"]?\s*\)")
_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_ADDRESSES = frozenset(
    {"action", "background", "cite", "classid", "codebase", "data", "formaction", "href", "icon"}
    | {"imagesrcset", "longdesc", "manifest", "ping", "poster", "profile", "src", "srcdoc"}
    | {"srcset", "usemap", "xlink:href"}
)


def asset_bytes(name: str) -> bytes:
    """
    Return an asset of the package; a third party's only if it is what was vendored.

    Raises
    ------
    OutputError
        It is missing, or its SHA-256 is not the one in `assets/manifest.json`.
    """
    root = resources.files("siting").joinpath("assets")
    try:
        content = root.joinpath(name).read_bytes()
        pinned = json.loads(root.joinpath("manifest.json").read_text("utf-8"))["sha256"]
    except OSError as error:
        raise OutputError(
            "a part of the map page is missing", where=name, cure="Install siting again"
        ) from error
    if name in pinned and hashlib.sha256(content).hexdigest() != pinned[name]:
        raise OutputError(
            "a part of the map page was changed", where=name, cure="Install siting again"
        )
    return content


def asset_text(name: str) -> str:
    """Return a text asset with Unix line ends; see `asset_bytes`."""
    return asset_bytes(name).decode("utf-8").replace("\r\n", "\n")


def compose_page(html: str, data_json: str, *, images: tuple[str, ...] = ()) -> str:
    """
    Turn a rendered page into one file that needs nothing else.

    Parameters
    ----------
    html
        The page, with `asset:` addresses for its scripts and styles and `DATA_SLOT` once.
    data_json
        JSON that holds no `<`, `>` or `&` (`siting.text.json_for_script`). It goes in last, past
        every template and parser, as an inert `application/json` block.
    images
        Sources of images that the policy lets through beside the page's own: those of tiles.

    Returns
    -------
    str
        The page, with a content security policy that allows its own scripts and styles by their
        SHA-256 and no request at all.

    Raises
    ------
    OutputError
        An address in the page points outside of it, or the page has no place for the data.
    """
    html = html.replace("\r\n", "\n").replace("\r", "\n")
    html = _SCRIPT_LINK.sub(lambda link: _script(link[1]), html)
    html = _STYLE_LINK.sub(lambda link: _style(link[1]), html)
    refuse_remote(html)
    if html.count(DATA_SLOT) != 1 or html.count("<head>") != 1 or re.search("[<>&]", data_json):
        raise OutputError("the map page has no safe place for its data", cure="Report this")
    head = '<head>\n    <meta charset="utf-8">\n    ' + _policy(html, images)
    html = html.replace("<head>", head).replace("<html>", '<html lang="zh-CN">')
    before, _, after = html.partition(DATA_SLOT)
    block = f'<script type="application/json" id="siting-data">{data_json}</script>'
    return f"{before}{block}{after}"


def refuse_remote(html: str) -> None:
    """
    Make sure that no element or style of a page addresses anything outside of it.

    Raises
    ------
    OutputError
        Some address is neither a fragment nor a `data:` URI.
    """
    reader = _Addresses()
    reader.feed(html)
    reader.close()
    outside = [text for text in reader.found if not text.startswith(("#", "data:"))]
    if outside:
        raise OutputError(
            "the map page would ask for something outside of it",
            value=outside[0][:200],
            cure="Inline it as an asset",
        )


class _Addresses(HTMLParser):
    """Collect every address that a browser would follow by itself, or on a click."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        for name, value in attrs:
            if name in _ADDRESSES:
                self.found.append((value or "").strip())
            elif name == "style":
                self.found.extend(_style_addresses(value or ""))
            elif name == "http-equiv" and (value or "").lower() == "refresh":
                self.found.append("refresh")

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self.found.extend(_style_addresses(data))


def _style_addresses(css: str) -> list[str]:
    imports = ["@import"] if "@import" in css.lower() else []
    return [*imports, *(match[1].strip() for match in _CSS_URL.finditer(css))]


def _script(name: str) -> str:
    """Return an asset as an inline script; `</script` and `<!--` can't end or hide it."""
    text = _SOURCE_MAP.sub("", asset_text(name))
    text = re.sub(r"<(?=/script|script|!--)", r"\\x3c", text, flags=re.IGNORECASE)
    return f"<script>\n{text}\n</script>"


def _style(name: str) -> str:
    """Return an asset as an inline style with its images inside."""
    folder = name.rpartition("/")[0]

    def embed(match: re.Match[str]) -> str:
        target = match[1].strip()
        if target.startswith(("#", "data:")):
            return match[0]
        if "//" in target or ".." in target or not target.endswith(".png"):
            raise OutputError("a style of the map page asks for another file", value=target)
        image = base64.b64encode(asset_bytes(f"{folder}/{target}")).decode("ascii")
        return f"url(data:image/png;base64,{image})"

    text = _CSS_URL.sub(embed, asset_text(name)).replace("</", r"<\/")
    return f"<style>\n{text}\n</style>"


def _policy(html: str, images: tuple[str, ...]) -> str:
    """Return the policy as a meta element: default nothing, each script and style by its hash."""
    scripts = " ".join(_hashes(html, "script"))
    styles = " ".join(_hashes(html, "style"))
    rules = (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; "
        f"img-src {' '.join(('data:', *images))}; "
        "base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{rules}">'


def _hashes(html: str, tag: str) -> list[str]:
    bodies = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}\s*>", html, flags=re.DOTALL | re.IGNORECASE)
    digests = {hashlib.sha256(body.encode("utf-8")).digest() for body in bodies}
    return sorted(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)
