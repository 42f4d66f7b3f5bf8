"""The words that tell the kinds of task apart, with their points; `type.py` adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .glance import words_of

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

# Words that ask, in the instruction. English, German, French, Spanish, Italian, Portuguese, Dutch,
# and the asking verb itself in some more.
_ASKING: Final[Mapping[str, Mapping[float, str]]] = {
    "code": {
        3: "refactor debug compile unittest codebase implementiere stacktrace regex makro macro",
        2: "implement python javascript typescript java kotlin rust golang sql bash algorithm "
        "function api endpoint exception programm funktion fonction función script php html css "
        "json webhook cors curl http https",
        1: "program class method array string bug error deploy database query loop code syntax "
        "config console header",
    },
    "math": {
        3: "integral derivative polynomial boxed berechne calcule calcula calcola bereken",
        2: "calculate compute solve equation simplify probability remainder factor",
        1: "total sum twice altogether percent average ratio evaluate fraction percentage",
        0.5: "find each times half cost many much wieviel combien cuánto",
    },
    "translation": {
        4: "translate translation translator übersetze übersetzen übersetzung traduis traduire "
        "traduisez traduction traduce traducir traducción tradúceme traduci tradurre traduzione "
        "traduza traduzir tradução vertaal vertalen přelož přeložte przetłumacz översätt oversæt "
        "oversett käännä çevir traducere tradu prevedi переведи переведите переклади преведи "
        "μετάφρασε dịch terjemahkan",
    },
    "summary": {
        4: "summarize summarise summary tldr tl zusammenfassung résume résumé résumer résumez "
        "resume resumen resumir riassumi riassunto resuma resumo samenvatting streszczenie "
        "podsumuj shrň sammanfatta referat özetle",
        3: "condense gist recap takeaways",
        2: "shorten fasse fassen zusammen overview abstract highlights boil",
    },
    "extraction": {
        4: "extract extrahiere extrahieren extrais extraire extrayez extrae extraer estrai "
        "estrarre extraia extrair haal wyciągnij",
        2: "entities parse fields classify categorize pull transcribe auslesen",
        1: "label identify tag json csv list dates emails keys null columns",
        0.5: "names values only table",
    },
    "creative": {
        4: "poem haiku sonnet limerick lyrics gedicht poème poema poesia verse verso reim",
        3: "story roleplay fiction slogan slogans tagline joke screenplay geschichte histoire "
        "cuento imagine pretend blurb speech toast invitation invitación einladung",
        2: "creative blog essay rewrite rephrase reword compose draft brainstorm schreibe écris "
        "écrivez escribe scrivi escreva schrijf napisz napiš skriv kirjoita reply caption "
        "headline names ideas",
        1: "song write letter post title scene dialogue paragraph tone words sentences silly funny",
    },
    "support": {
        3: "refund subscription password login erstattung kündigen passwort bestellung commande "
        "pedido unsubscribe helpdesk",
        2: "account invoice invoices delivery shipping cancel billing charged payment locked "
        "reset konto ticket warranty upgrade rechnung facture factura fattura fatura factuur "
        "τιμολόγιο remboursement reembolso declined declining settings button export upload",
        1: "order your help broken cannot issue hilfe card paid send update delete address "
        "working problem plan pay customer customers change still again yesterday today stopped "
        "missing wrong twice suddenly anymore yet waiting never noch wieder toujours encore "
        "todavía ancora aindasupport urgent merge",
        0.5: "working problem plan pay customer customers change still again yesterday today "
        "stopped missing wrong twice suddenly anymore yet waiting never noch wieder toujours "
        "encore todavía ancora ainda",
    },
    "research": {
        4: "literature citations bibliography",
        3: "sources survey papers recherche recherchiere research",
        1: "evidence overview mandates findings landscape options investigate recherches investiga",
        0.5: "latest sources studies study reports current regulations rules countries",
    },
    "reasoning": {
        4: "puzzle riddle deduce logically rätsel symbolization predicate",
        3: "clue clues infer premise premises explanations explains",
        2: "prove reasoning logic therefore conclusion syllogism discrepancy cheaper consistent",
        1: "why explain mistake contradict",
        0.5: "if assume suppose likely order",
    },
    "analysis": {
        3: "analyze analyse critique assess analysiere analysez analiza bewerte",
        2: "compare contrast pros cons tradeoffs advantages disadvantages review strategy "
        "vergleiche comparez recommend trends impact risks risk weaknesses strengths exposed "
        "critically fair judge evaluate",
        1: "explain describe discuss differences better chart figures",
    },
    "simple": {
        1: "define capital wer wann wo qui quand où quién cuándo dónde chi quem quando welche",
    },
    "chat": {
        1.5: "hello hi hey thanks thank hallo danke bonjour merci hola gracias ciao grazie olá "
        "cheers haha",
        0.5: "lol ok okay morning welcome bye unusual favourite favorite",
    },
}

# Words of the matter; they count anywhere in the excerpt.
_MATTER: Final[Mapping[str, Mapping[float, str]]] = {
    "math": {
        2: "triangle equation polynomial integers frac sqrt theorem matrix subgroup abelian "
        "isomorphic perimeter radius vertices fraction decimal deviation coefficient",
        1: "integer circle angle prime digit percent ratio finite vector random probability mean "
        "median rectangle square volume area dozen gallons pounds twice number binomial",
    },
    "code": {
        2: "python javascript def assert tuple stacktrace traceback",
        1: "array string strings lst elements",
    },
    "reasoning": {2: "clue clues houses premise premises"},
}

# Neighbouring words of the instruction.
_PAIRS: Final[Mapping[str, Mapping[float, str]]] = {
    "code": {
        3: "python-function write-function a-function source-code unit-test stack-trace fatal- "
        "error line-of",
    },
    "math": {
        2: "the-sum in-total simplest-form improper-fraction standard-deviation nearest-whole",
        1: "how-many how-much what-percent value-of",
    },
    "translation": {
        4: "into-english into-french into-german into-spanish into-italian into-dutch into- "
        "polish into-portuguese into-japanese into-chinese to-english to-french to-german to- "
        "spanish ins-englische ins-deutsche ins-französische auf-deutsch auf-englisch en-anglais "
        "en-français en-espagnol en-allemand al-inglés al-español al-alemán in-italian in-french "
        "in-german in-spanish in-polish in-english you-say do-angličtiny em-inglês in-inglese",
    },
    "summary": {
        4: "sum-up sum-this key-points main-points fasse-zusammen in-short tl-dr the-gist boil- "
        "down",
        2: "in-brief one-sentence half-page",
    },
    "extraction": {
        3: "pull-out get-me read-supplier list-all from-this as-json copy-out exactly-these "
        "named-entities",
        1: "list-the only-as from-the",
    },
    "creative": {
        3: "short-story picture-yourself act-as come-up ten-names product-text draft-a make-up",
        1: "write-me write-a write-an",
    },
    "support": {
        3: "my-account our-account my-order my-invoice my-password log-in sign-in meine-rechnung "
        "mein-konto our-invoice your-invoice direct-debit two-factor credit-card",
        2: "can-i can-we do-i do-we my-card your-support you-please please-send turn-on not- "
        "working doesn-t don-t i-paid we-paid wie-kann kann-ich pouvez-vous comment-puis posso- "
        "puedo como-puedo",
    },
    "chat": {
        3: "how-are thank-you good-morning good-night well-done ignore-all ignore-previous are- "
        "you you-today"
    },
    "analysis": {
        3: "pros-and pros-cons trade-offs make-of weak-points is-better do-better look- at "
        "critically-review what-risks",
        1: "difference-between",
    },
    "research": {
        3: "find-sources state-of is-known any-study overview-of what-changes best- practices "
        "other-companies latest-research which-countries the-options options-for"
    },
    "reasoning": {
        3: "step-by logic-puzzle predicate-logic best-symbolization of-pl",
        2: "each-house next-to add-up work-out explain-why can-that step-steps which-one what- "
        "mistake",
    },
    "simple": {1: "what-is who-is when-did what-does where-is which-is in-which who-was"},
}

# The word that opens the instruction, after a courtesy.
_OPENERS: Final[Mapping[str, Mapping[float, str]]] = {
    "simple": {
        1.5: "who when where which whose what wer wann wo qui quand où quién cuándo dónde chi quem",
        0.5: "is are does did can was how",
    },
    "creative": {
        1: "write",
        2: "compose imagine draft brainstorm schreibe écris escribe scrivi rewrite",
    },
    "summary": {
        3: "summarize summarise summary tldr tl condense sum recap fasse fassen résume shorten"
    },
    "extraction": {
        1: "list identify read get copy",
        3: "extract pull parse classify extrahiere extrais extrae",
    },
    "translation": {3: "translate übersetze traduis traduisez traduce vertaal ins"},
    "analysis": {3: "analyze analyse assess review compare evaluate critique vergleiche bewerte"},
    "math": {2: "calculate compute solve simplify evaluate find berechne"},
    "code": {1: "implement fix refactor debug"},
    "research": {2: "research survey investigate"},
    "reasoning": {2: "prove deduce select"},
    "support": {1: "i we my our please wir ich je nous"},
}

COURTESIES: Final = words_of(
    "please can could would you kindly hi hello hey dear team bitte können sie könnten kannst du "
    "hallo bonjour pouvez vous peux tu por favor puede puedes hola now ok so"
)
"""Words that may stand before the word that opens an instruction."""

FIRST_PERSON: Final = words_of(
    "i we my our me ich wir mein meine unser unsere uns mir je nous mon ma mes notre nos yo mi "
    "nosotros nuestra nuestro io noi mio mia nostro eu meu minha nós tenho temos nossa nosso "
    "tengo tenemos ho abbiamo ik wij mijn ons jag vi jeg ja mój"
)

# Scripts without blanks between words: the asking verb as it stands in the text.
SCRIPTS: Final[Mapping[str, str]] = {
    "翻訳": "translation",
    "翻译": "translation",
    "翻譯": "translation",
    "번역": "translation",
    "แปล": "translation",
    "要約": "summary",
    "总结": "summary",
    "總結": "summary",
    "요약": "summary",
    "抜き出": "extraction",
    "抽出": "extraction",
    "提取": "extraction",
    "추출": "extraction",
    "計算": "math",
    "计算": "math",
    "계산": "math",
    "コード": "code",
    "代码": "code",
    "詩を": "creative",
    "写一首": "creative",
    "請求書": "support",
    "発票": "support",
    "发票": "support",
    "청구서": "support",
    "領収書": "support",
}
"""Asking words of languages that are written without blanks, and their kind of task."""

LOGIC: Final = frozenset("⊃∀∃≡\N{LOGICAL OR}∧¬⊢")


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
