"""input.wants: which formats a request asks its answer to have.

A format's name counts where an asking word stands shortly before it ("as JSON", "in a table") or an
answer's word shortly after it ("JSON only"), unless a word between says that it is the material
("this CSV", "from the table").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from .glance import Glance, words_of

_NAMES: Final[Mapping[str, str]] = {
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "toml": "toml",
    "csv": "csv",
    "tsv": "csv",
    "spreadsheet": "csv",
    "xml": "xml",
    "html": "html",
    "markdown": "markdown",
    "latex": "latex",
    "sql": "sql",
    "table": "table",
    "tabelle": "table",
    "tableau": "table",
    "tabla": "table",
    "tabella": "table",
    "tabela": "table",
    "list": "list",
    "bullets": "list",
    "bullet": "list",
    "bulleted": "list",
    "bulletpoints": "list",
    "checklist": "list",
    "numbered": "list",
    "liste": "list",
    "lista": "list",
    "stichpunkte": "list",
    "stichpunkten": "list",
    "mermaid": "diagram",
    "diagram": "diagram",
    "flowchart": "diagram",
    "svg": "diagram",
    "code": "code",
    "script": "code",
    "function": "code",
    "program": "code",
    "snippet": "code",
    "regex": "code",
    "funktion": "code",
    "fonction": "code",
    "función": "code",
}
FORMATS: Final = tuple(sorted(set(_NAMES.values())))
"""Every word that `input.wants` may hold."""

_ASKS: Final = words_of(
    "as in into to return returns output outputs give gib produce generate write create respond "
    "reply answer provide format formatted make draw build show draft implement using use "
    "emit print send valid als im erstelle schreibe en au sous como forma formato em come "
    "with"
)
_MATERIAL: Final = words_of(
    "from this these following given attached parse above below my our existing that reading "
    "read explain fix debug review correct does is was aus diese dieser folgende ce cette "
    "este esta what why"
)
_AFTER: Final = words_of("only format output response object array schema document block")
_REACH: Final = 4


def wants_of(glance: Glance) -> list[str]:
    """Return the formats that a text asks for, sorted, each once.

    >>> wants_of(Glance.at("Convert this JSON to YAML and give me a table as well"))
    ['table', 'yaml']
    >>> wants_of(Glance.at("List five rivers"))
    ['list']
    """
    words = glance.zone
    found = set[str]()
    for position, word in enumerate(words):
        name = _NAMES.get(word)
        if name is None or name in found:
            continue
        if (position == 0 and name == "list") or _asked(words, position):
            found.add(name)
    return sorted(found)


def _asked(words: Sequence[str], position: int) -> bool:
    for back in range(position - 1, max(-1, position - 1 - _REACH), -1):
        if words[back] in _MATERIAL:
            return False
        if words[back] in _ASKS:
            return True
    return position + 1 < len(words) and words[position + 1] in _AFTER
