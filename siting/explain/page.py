"""The page of an explanation: sentences and tables in Chinese and English, without a script."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Any

from siting.explain.parts import amount_text
from siting.explain.sentences import VERDICTS, proof_text
from siting.units import UNKNOWN, percent_text
from siting.webmap.page import refuse_remote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Record = Mapping[str, Any]

_STYLE = """
:root { --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --tint: #f6f8fa }
body { margin: 0 auto; padding: 24px 20px 60px; max-width: 980px; color: var(--ink);
  font: 15px/1.65 "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif }
h1 { font-size: 26px; margin: 4px 0 0 } h2 { font-size: 19px; margin: 36px 0 10px;
  border-bottom: 2px solid var(--line); padding-bottom: 4px }
h3 { font-size: 16px; margin: 18px 0 6px }
p { margin: 6px 0 } .soft { color: var(--soft); font-size: 13px }
table { border-collapse: collapse; width: 100%; font-size: 13px; line-height: 1.45 }
th, td { border: 1px solid var(--line); padding: 4px 7px; text-align: left; vertical-align: top }
th { background: var(--tint) } td.n { text-align: right; white-space: nowrap }
.feasible { color: #1a7f37 } .infeasible { color: #cf222e } .open { color: #8250df }
.switch { float: right; border: 1px solid var(--line); border-radius: 6px; padding: 2px 8px }
.en { display: none } body:has(#english:checked) .en { display: revert }
body:has(#english:checked) .zh { display: none }
@media print { @page { size: A4; margin: 16mm 14mm } .switch { display: none }
  tr { break-inside: avoid } }
"""


def explain_page(record: Record) -> str:
    """
    Write an explanation as one html page that needs nothing else and runs no script.

    Parameters
    ----------
    record
        What `explain.json` holds.

    Returns
    -------
    html
        Text of the data is escaped.

    Raises
    ------
    OutputError
        The page would ask for something outside of it.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = record["title_zh"] or record["model"]
    english = record["title_en"] or record["model"]
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(str(title))} 可行性解释</title><style>{_STYLE}</style></head><body>",
        '<label class="switch"><input type="checkbox" id="english"> English</label>',
        f"<h1>{_both(f'{title}：可行性解释', f'{english}: what is possible and why')}</h1>",
    ]
    for programme in record["programmes"]:
        parts += _programme(programme)
    notes = "".join(f"<li>{_both(note['zh'], note['en'])}</li>" for note in record["notes"])
    parts.append(f'<ul class="soft">{notes}</ul></body></html>')
    html = "\n".join(parts)
    refuse_remote(html)
    return html


def _both(zh: object, en: object) -> str:
    return f'<span class="zh">{escape(str(zh))}</span><span class="en">{escape(str(en))}</span>'


def _programme(one: Record) -> Iterator[str]:
    """Write the part of one programme."""
    verdict = VERDICTS[one["verdict"]]
    yield f"<h2>{_both(one['zh'], one['en'])}</h2>"
    yield f'<p class="{escape(one["verdict"])}"><b>{_both(*verdict)}</b></p>'
    for fact in one["arithmetic"]:
        yield f"<p>{_both('由算术可知：' + fact['zh'], 'By arithmetic: ' + fact['en'])}</p>"
    for conflict in one["conflicts"]:
        yield f"<h3>{_both('冲突', 'Conflict')}</h3><p>{_both(conflict['zh'], conflict['en'])}</p>"
        yield _table(
            [("放松哪一项", "Give way"), ("至少", "At least"), ("有方案", "Plan found"),
             ("占比", "Share"), ("依据", "Proof")],
            _lacks(conflict),
        )  # fmt: skip
    if one["conflicts"]:
        yield from _shortfall(one)
    if one["least_budget"] is not None:
        budget = one["least_budget"]
        yield f"<h3>{_both('最小预算', 'Least budget')}</h3>"
        yield f"<p>{_both(budget['zh'], budget['en'])}</p>"
    if one["slacks"]:
        yield f"<h3>{_both('各项富余与价格', 'Slack and price of each clause')}</h3><ul>"
        yield from (f"<li>{_both(line['zh'], line['en'])}</li>" for line in one["slacks"])
        yield "</ul>"


def _shortfall(one: Record) -> Iterator[str]:
    shortfall = one["shortfall"]
    yield f"<h3>{_both('缺口', 'Shortfalls')}</h3>"
    lines = [
        (zh, en)
        for zh, en in zip(one["sentences"]["zh"], one["sentences"]["en"], strict=True)
        if zh.startswith("预算与限制")
    ]
    if lines:
        yield f"<p>{_both(*lines[0])}</p><ul>"
        yield from (f"<li>{_both(line['zh'], line['en'])}</li>" for line in shortfall["clauses"])
        yield "</ul>"


def _lacks(conflict: Record) -> list[list[str]]:
    """Rows of the relaxations, one for each family of which none is a step out."""
    crowds = conflict["crowds"]
    among = {key for crowd in crowds for key in crowd["keys"]}
    rows = [_lack(member) for member in conflict["members"] if member["key"] not in among]
    for crowd in crowds:
        name = _both(crowd["name_zh"], crowd["name_en"])
        rows.append([name, _both(crowd["zh"], crowd["en"]), "", "", _proof(crowd["proof"])])
    return rows


def _lack(member: Record) -> list[str]:
    """Cells of one relaxation."""
    name = [f"{member['clause']} {member[key]}".strip() for key in ("name_zh", "name_en")]
    if not member["enough_alone"]:
        alone = _both("仅靠它不够", "not enough alone")
        return [_both(*name), alone, "", "", _proof(member["proof"])]
    known = member["low"] is not None and member["low"] > 0 and member["proof"]
    cells = [
        _both(*(amount_text(member[key], member["unit"], language) for language in ("zh", "en")))
        if use
        else UNKNOWN
        for key, use in (("low", known), ("high", member["high"] is not None))
    ]
    share = UNKNOWN if member["share"] is None else percent_text(member["share"])
    return [_both(*name), *cells, share, _proof(member["proof"])]


def _proof(proof: str) -> str:
    return _both(proof_text(proof, "zh"), proof_text(proof, "en"))


def _table(heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; cells are html."""
    head = "".join(f"<th>{_both(zh, en)}</th>" for zh, en in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
