"""Fill the template of the report and close it against everything outside."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING

from siting.report.content import report_content
from siting.webmap.page import refuse_remote

if TYPE_CHECKING:
    from pathlib import Path

    from siting.plan import Plan

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def write_report(plan: Plan, path: Path) -> None:
    """
    Write the report of a plan as one page that needs nothing else and runs no script.

    Parameters
    ----------
    plan
        The plan.
    path
        The html file.

    Raises
    ------
    OutputError
        The page would ask for something outside of it.
    """
    path.write_text(report_page(plan), encoding="utf-8")


def report_page(plan: Plan) -> str:
    """Return the report as html; every text of the data is escaped by the template."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415

    # Escaping is on for all that isn't marked; only our own SVG is, and its texts are escaped.
    shell = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = resources.files("siting").joinpath("report/report.html.j2").read_text("utf-8")
    html = shell.from_string(text).render(report_content(plan))
    refuse_remote(html)
    digests = [hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(html)]
    styles = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    policy = f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return html.replace("<head>", f'<head>\n<meta charset="utf-8">\n{meta}', 1)
