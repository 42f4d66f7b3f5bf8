"""The words that tell the kinds of task apart, with their points; `type.py` adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TYPES: Final = (
    "code",
    "math",
    "translation",
    "summary",
    "extraction",
    "creative",
    "support",
    "research",
    "reasoning",
    "analysis",
    "simple",
    "chat",
)
"""Every value of `input.type`; on equal points the earlier one wins."""

Points = tuple[tuple[int, float], ...]

# Words in the instruction. English first, then German, French, Spanish, Italian, Portuguese, Dutch.
_ASKING: Final[Mapping[str, Mapping[float, str]]] = {
    "code": {
        3: "refactor debug compile unittest codebase implementiere",
        2: "implement python javascript typescript java kotlin rust golang sql regex bash algorithm "
        "function code api script endpoint stacktrace exception programm funktion fonction función",
        1: "program class method array string bug error test deploy database query loop list code",
    },
    "math": {
        3: "integral derivative polynomial boxed berechne calcule calcula calcola bereken",
        2: "calculate compute solve equation simplify probability remainder percent average factor",
        1: "total sum each times twice half many much cost evaluate find",
    },
    "translation": {
        4: "translate translation übersetze übersetzen traduis traduire traduce traducir traduci "
        "tradurre traduza traduzir vertaal vertalen übersetzung traducción",
    },
    "summary": {
        4: "summarize summarise summary tldr tl zusammenfassung résume résumé resume resumen "
        "riassumi resuma samenvatting",
        2: "condense shorten fasse zusammen takeaways overview recap gist abstract",
    },
    "extraction": {
        4: "extract extrahiere extrais extrae estrai extraia",
        2: "entities parse fields named classify label identify categorize tag pull",
        1: "json csv list names dates emails values each",
    },
    "creative": {
        4: "poem haiku sonnet limerick lyrics gedicht poème poema poesia gedicht",
        3: "story roleplay fiction novel slogan tagline joke screenplay geschichte histoire cuento "
        "imagine pretend metaphor",
        2: "creative blog essay rewrite song character scene dialogue compose draft email brainstorm "
        "paragraph picture",
        1: "write letter post title names",
    },
    "support": {
        3: "refund invoice subscription password login rechnung facture factura erstattung kündigen "
        "passwort bestellung commande pedido",
        2: "account order delivery shipping cancel billing charged payment locked reset konto "
        "customer ticket warranty return upgrade plan",
        1: "help broken working cannot can't issue problem hilfe",
    },
    "research": {
        4: "literature citations bibliography peer",
        3: "research sources studies survey papers recherche",
        2: "evidence history report findings state investigate",
    },
    "reasoning": {
        4: "puzzle riddle deduce logically",
        3: "clue clues infer premise premises conclusion valid",
        2: "prove reason reasoning logic step steps therefore if must",
        1: "why explain because",
    },
    "analysis": {
        3: "analyze analyse evaluate assess critique analysiere analysez analiza",
        2: "compare contrast pros cons tradeoffs advantages disadvantages review strategy vergleiche "
        "recommend trends impact risks",
        1: "explain describe discuss differences why",
    },
    "simple": {
        1.5: "who whom whose when where which",
        1: "what define capital name year wer wann wo qui quand où quién cuándo dónde chi",
    },
    "chat": {
        3: "hello hi hey thanks thank hallo danke bonjour merci hola gracias ciao grazie olá",
        1: "good morning bye okay lol",
    },
}

_MATTER: Final[Mapping[str, Mapping[float, str]]] = {
    "math": {
        2: "triangle equation polynomial integer integers frac sqrt theorem matrix cos sin",
        1: "sum circle angle radius prime digit percent ratio",
    },
    "code": {2: "python javascript def assert tuple"},
    "reasoning": {2: "clue clues houses premise"},
}

_PAIRS: Final[Mapping[str, Mapping[float, str]]] = {
    "code": {3: "python-function write-function a-function source-code unit-test"},
    "math": {2.5: "how-many how-much the-sum in-total"},
    "reasoning": {3: "step-by each-house logic-puzzle next-to"},
    "summary": {3: "sum-up key-points main-points fasse-zusammen in-short"},
    "creative": {3: "write-a short-story picture-yourself act-as"},
    "support": {3: "my-account my-order my-invoice my-password log-in sign-in meine-rechnung"},
    "chat": {3: "how-are thank-you good-morning"},
    "analysis": {2: "pros-and compare-the difference-between"},
    "research": {2: "find-sources state-of"},
}

_OPENERS: Final[Mapping[str, Mapping[float, str]]] = {
    "simple": {1: "who when where which what"},
    "chat": {2: "hello hi hey hallo bonjour hola ciao thanks danke merci"},
    "creative": {1: "write compose imagine"},
}


def _weigh(table: Mapping[str, Mapping[float, str]]) -> dict[str, Points]:
    collected: dict[str, dict[int, float]] = {}
    for kind, rows in table.items():
        for points, words in rows.items():
            for word in words.split():
                collected.setdefault(word, {})[TYPES.index(kind)] = float(points)
    return {word: tuple(points.items()) for word, points in collected.items()}


def _weigh_pairs(table: Mapping[str, Mapping[float, str]]) -> dict[tuple[str, str], Points]:
    pairs: dict[tuple[str, str], Points] = {}
    for words, points in _weigh(table).items():
        first, _, second = words.partition("-")
        pairs[(first, second)] = points
    return pairs


ZONE_WORDS: Final = _weigh(_ASKING)
MATTER: Final = _weigh(_MATTER)
PAIRS: Final = _weigh_pairs(_PAIRS)
OPENERS: Final = _weigh(_OPENERS)
