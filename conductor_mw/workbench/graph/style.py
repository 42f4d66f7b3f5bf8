"""The look of the picture and of the page: two palettes, system fonts, nothing from outside."""

from __future__ import annotations

from typing import Final

# Pairs of the same hue, dark enough for white cards and light enough for black ones.
_PAIRS: Final = (
    ("#4f46e5", "#a5b4fc"),
    ("#0f766e", "#5eead4"),
    ("#c2410c", "#fdba74"),
    ("#be185d", "#f9a8d4"),
    ("#0369a1", "#7dd3fc"),
    ("#7e22ce", "#d8b4fe"),
    ("#4d7c0f", "#bef264"),
    ("#475569", "#cbd5e1"),
    ("#b91c1c", "#fca5a5"),
    ("#a16207", "#fde047"),
    ("#a21caf", "#f0abfc"),
    ("#78350f", "#e0b48a"),
)
_SANS: Final = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_MONO: Final = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"
HUES: Final = len(_PAIRS)
_DAY: Final = (
    "--paper:#f7f8fb;--card:#ffffff;--line:#dde1ea;--ink:#12161f;--soft:#5b6474;--code:#3a4254;"
    "--chip:#eef1f6;--spine:#c3c9d6;--warm:#c2410c;--alarm:#be123c;--strong:#1e2433;--onstrong:#ffffff;"
)
_NIGHT: Final = (
    "--paper:#0e1117;--card:#171b24;--line:#2b3240;--ink:#eef1f7;--soft:#98a2b3;--code:#c3cad8;"
    "--chip:#242a36;--spine:#3d4658;--warm:#fdba74;--alarm:#fda4af;--strong:#e7eaf2;--onstrong:#12161f;"
)


def _hues(side: int) -> str:
    return "".join(f"--h{number}:{pair[side]};" for number, pair in enumerate(_PAIRS))


PALETTE: Final = (
    f":root{{{_DAY}{_hues(0)}color-scheme:light dark}}"
    f"@media (prefers-color-scheme:dark){{:root{{{_NIGHT}{_hues(1)}}}}}"
)
PICTURE: Final = (
    f".cmw text{{font:400 13px {_SANS};"
    "fill:var(--ink);unicode-bidi:isolate}"
    "svg.cmw{max-width:100%;height:auto}"
    ".cmw .middle{text-anchor:middle}"
    ".cmw .paper{fill:var(--paper)}"
    ".cmw .card{fill:var(--card);stroke:var(--line)}"
    ".cmw .more{fill:none;stroke:var(--spine);stroke-dasharray:4 4}"
    ".cmw .title{font-size:22px;font-weight:650;letter-spacing:-.01em}"
    ".cmw .name{font-weight:600;font-size:13.5px}"
    f".cmw .code{{font:400 12px {_MONO};fill:var(--code)}}"
    f".cmw .index{{font:500 12px {_MONO};fill:var(--soft)}}"
    ".cmw .small,.cmw .sub{fill:var(--soft);font-size:12px}"
    ".cmw .tiny{fill:var(--code);font-size:11px}"
    ".cmw .head{fill:var(--soft);font-size:11px;font-weight:650;letter-spacing:.08em}"
    ".cmw .goal{font-weight:600;fill:var(--hue)}"
    ".cmw .chip{fill:var(--chip)}"
    ".cmw .tag{fill:var(--hue);opacity:.14}"
    ".cmw .tagged{fill:var(--hue);font-size:11.5px;font-weight:600}"
    ".cmw path.rule{stroke:var(--line);stroke-width:1;fill:none}"
    ".cmw .track{fill:var(--chip)}.cmw .bar{fill:var(--hue)}"
    ".cmw .mark{fill:var(--hue)}"
    ".cmw .failure .name{fill:var(--warm)}.cmw .guarantee .name{fill:var(--alarm)}"
    ".cmw .spine{stroke:var(--spine);stroke-width:2;fill:none}"
    ".cmw .dot{fill:var(--paper);stroke:var(--spine);stroke-width:2}"
    ".cmw .pill{fill:var(--strong)}.cmw .onpill{fill:var(--onstrong);font-weight:600}"
    ".cmw .way{fill:none;stroke:var(--hue);stroke-width:1.75;stroke-linecap:round}"
    ".cmw .halo{fill:none;stroke:var(--paper);stroke-width:6}"
    ".cmw .aside{stroke-dasharray:5 5}"
    ".cmw .tip{fill:var(--hue)}"
    ".cmw .label{fill:var(--paper);stroke:var(--line)}"
    + "".join(f".cmw .h{number}{{--hue:var(--h{number})}}" for number in range(HUES))
)
PAGE: Final = (
    "*{box-sizing:border-box}"
    f"body{{margin:0;background:var(--paper);color:var(--ink);font:400 14px/1.55 {_SANS}}}"
    "header,main{max-width:1400px;margin:0 auto;padding:0 32px}"
    "header{padding-top:40px}main{padding-bottom:64px}"
    "h1{font-size:28px;font-weight:650;letter-spacing:-.015em;line-height:1.2;margin:0 0 4px}"
    "h2{font-size:18px;font-weight:650;letter-spacing:-.01em;margin:48px 0 0}"
    "header p,section>p,.quiet{color:var(--soft)}header p,section>p{margin:0 0 14px}"
    "figure{margin:24px -32px 0;overflow-x:auto}"
    "figure svg{display:block;margin:0 auto;min-width:900px}"
    ".scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;margin:0 0 14px}"
    "table{border-collapse:collapse;width:100%}"
    "th{font-size:11px;font-weight:650;letter-spacing:.06em;text-transform:uppercase;"
    "color:var(--soft);text-align:left;white-space:nowrap}"
    "th,td{padding:10px 16px;vertical-align:top}td{border-top:1px solid var(--line)}"
    "td:first-child{white-space:nowrap;color:var(--soft)}td b{font-weight:600;color:var(--ink)}"
    f"code{{font:400 12.5px/1.6 {_MONO};"
    "color:var(--code);overflow-wrap:anywhere}"
    ".badge{display:inline-block;background:var(--chip);color:var(--code);font-size:11.5px;"
    "line-height:18px;border-radius:9px;padding:0 9px;white-space:nowrap}"
    ".dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:8px;"
    "background:var(--hue)}"
    ".target{white-space:nowrap}"
    "ol{list-style:none;margin:0;padding:0;display:grid;gap:10px;"
    "grid-template-columns:repeat(auto-fit,minmax(320px,1fr))}"
    "li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 16px}"
    "li b{font-weight:600;margin-right:8px}.guarantees b{color:var(--alarm)}"
    + "".join(f".dot.h{number}{{--hue:var(--h{number})}}" for number in range(HUES))
)
