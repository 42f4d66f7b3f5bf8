# ruff: noqa: RUF001
"""Tell an answer that declines to answer from one that answers, by its first words.

Refusals begin alike: perhaps a courtesy, perhaps an apology, then "I cannot help with that". Only
the beginning is looked at, so that an answer may quote a refusal, or speak of one. What follows
"I cannot" decides: "find a fault" is an answer, "help with that" is none. Where it is not certain,
it is an answer: one that is taken for a refusal costs a second call and is lost.
"""

from __future__ import annotations

import re
from typing import Final

_LOOKED_AT: Final = 400
"""Characters. What follows them cannot turn the beginning into a refusal, or out of one."""


def refuses(text: str, finish: str = "") -> bool:
    """Say whether an answer declines to answer: its provider says so, or its first words do.

    Args:
        text: the answer; known languages are en, de, fr, es, it, pt, nl, zh, ja and ko.
        finish: why the agent stopped; `refusal` counts whatever the text says.

    >>> refuses("I'm sorry, but I can't help with that."), refuses("I can't find a fault in it.")
    (True, False)
    """
    if finish == "refusal":
        return True
    # Quotation marks stay: what a quotation says, the answer does not.
    begin = " ".join(text[: 2 * _LOOKED_AT].split()).lstrip("*_# ")[:_LOOKED_AT]
    begin = begin.translate(_PLAIN).casefold()
    return any(form.match(begin) for form in _FORMS) and not _ALL_THE_SAME.search(begin)


_PLAIN: Final = str.maketrans("’‘ʼ，。、", "''',.,")
_ALL_THE_SAME: Final = re.compile(
    r"\bbut (?:here|from what|it is about|it's about|roughly|approximately)\b|"
    r"\baber (?:hier|er|es) (?:ist|sind|wurde)\b|\bmais voici\b|\bpero aquí (?:está|tiene|va)\b"
)


def _form(courtesies: tuple[str, ...], refusals: tuple[str, ...]) -> re.Pattern[str]:
    """Give the pattern of a refusal after up to four courtesies, each bounded in length."""
    # Atomic: a hostile text must not make it try every way to tell courtesies apart.
    before = rf"(?>(?:(?>{'|'.join(courtesies)})(?![\w'])[\s,.!;:–—-]*+){{0,4}})"
    return re.compile(rf"{before}(?:{'|'.join(refusals)})")


def _any(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


_CANNOT: Final = (
    r"(?:i|we)(?: (?:simply|really|just|also|respectfully))?"
    r"(?: can't| cannot| can not| won't| will not|(?:'m| am|'re| are) (?:unable to|not able to"
    r"|not going to|not allowed to|not permitted to|not programmed to|not authori[sz]ed to)"
    r"|(?: do not| don't) have the ability to)"
    r"(?: be able to)?(?: (?:directly|ethically|legally|knowingly|in good conscience|actually))?"
    r",? "
)
_NO_FIGURE: Final = (
    r"(?!(?:an? |any |the )?(?:exact|precise|better|more|further|accurate|definite|definitive|"
    r"single|screen|full)\b)"
)
_ENGLISH: Final = _form(
    (
        (
            r"(?:(?:i'm|i am|we're|we are) )?(?:so |very |really |truly |deeply |terribly )?sorry"
            r"(?: about that| for (?:any|the) (?:inconvenience|confusion)"
            r"| (?:that )?you're [^.!?,]{0,60}"
            r"| (?:to hear )?that you [^.!?,]{0,60})?"
        ),
        r"(?:i|we) apologi[sz]e(?: for [^.,!?]{0,60})?",
        r"(?:my )?(?:sincere )?apologies",
        r"unfortunately|regrettably|i regret that|but|however|so|and|no|hello|hi|hey",
        r"(?:i'm|i am|we're|we are) afraid(?: that(?![\w']))?",
        r"(?:thanks|thank you)[^.!?]{0,120}[.!?]",
        (
            r"i (?:understand|appreciate|hear|see|realize|realise|know)[^.!?]{0,160}?"
            r"(?:[.!?]|[,;] (?:but|however|yet|and)\b)"
        ),
        (
            r"(?:as|i'm just|i'm only|i am just|i'm|i am) an? (?:responsible |helpful |large )?"
            r"(?:ai|artificial|language model|assistant)[^,.]{0,60}"
        ),
        r"(?:that|this)(?:'s| is| would be| sounds)(?! not something)[^.!?,]{0,60}(?:[.!?]|, and)",
    ),
    (
        _CANNOT + r"(?:"
        r"help(?! but\b| myself\b| it\b|,| \w+ing\b(?! (?:you|with)))|"
        r"assist|comply|accommodate|participate in|engage in|fulfil+ (?!all\b)|"
        r"do (?:that|this|so|it)(?=[.,;:!?]|$| for| because| as| since| with)|"
        r"(?:answer|respond to|process|complete|support|discuss|continue with|honou?r|carry out|"
        r"proceed|grant)(?: with)? (?:that|this|these|those|your|such|any|the)\b|"
        r"(?:provide|share|give|offer|create|generate|write|produce|make|draft|supply)"
        rf"(?: you)?(?: with)? {_NO_FIGURE}(?:that|this|such|an?|any|the|instructions|guidance|"
        r"assistance|advice|content|medical|legal|financial|personal|private|explicit|harmful|"
        r"sexual|illegal|copyrighted|information|details|material)\b"
        r")",
        (
            r"(?:i|we) (?:must|have to|need to|would have to|will have to|'ll have to|respectfully"
            r"|will)(?: respectfully| politely)? (?:decline|refuse)\b(?! your| the invitation)"
        ),
        r"i'm going to (?:have to )?(?:pass on|decline|refuse)\b",
        r"(?:i|we) (?:decline|refuse) to\b",
        (
            r"i(?:(?:'d| would) (?:rather|prefer) not|prefer not to)"
            r"(?: to)?(?: (?:answer|say|help|respond|discuss|do|write|comment|share|engage)\b|[.!])"
        ),
        r"i(?:'m| am) not comfortable\b|i (?:do not|don't) feel (?:comfortable|right)\b",
        (
            r"(?:that|this|it)(?:'s| is) not something (?:that )?(?:i|we)"
            r"(?:'m| am| can| could|'re| are)?"
            r"\b[^.!?]{0,40}?\b(?:help|assist|do|discuss|provide|support|able)\b"
        ),
        (
            r"(?:that|this|your|the) (?:request|question|content|topic) (?:violates|goes against|"
            r"is against|would violate) "
            r"(?:our|my|the|openai's|anthropic's|google's|safety|usage|content)"
            r" ?[^.!?]{0,40}?(?:polic|guideline|terms|principle|rule)"
        ),
        (
            r"(?:it's|it is|that's|that is|this is) against my "
            r"(?:guideline|polic|programming|principle|rule|value|ethic)"
        ),
        (
            r"my (?:\w+ )?(?:guidelines|policies|policy|programming|rules) "
            r"(?:prevents?|forbids?|prohibits?|"
            r"(?:do not|don't|does not|doesn't) (?:allow|permit|let))\b"
        ),
    ),
)
_HELFEN: Final = _any(
    "helfen weiterhelfen unterstützen beantworten bereitstellen nachkommen entsprechen erfüllen "
    "behilflich anbieten übernehmen mitwirken"
)
_GERMAN: Final = _form(
    (
        r"(?:es )?tut mir (?:sehr |wirklich )?leid",
        r"(?:ich bitte um )?entschuldigung|entschuldigen sie|entschuldige",
        r"leider|aber|bedauerlicherweise|hallo|nein",
        r"(?:vielen )?dank[^.!?]{0,120}[.!?]|danke[^.!?]{0,120}[.!?]",
        r"ich verstehe[^.!?]{0,160}?(?:[.!?]|, aber\b)",
        r"als (?:eine? )?(?:ki|künstliche|sprachmodell)[^,.]{0,40}",
    ),
    (
        (
            r"(?:ich (?:kann|darf|werde|möchte)|[\w ]{0,40}\b(?:kann|darf|werde|möchte) ich)\b"
            rf"[^.!?;:]{{0,90}}?\b(?:nicht|nichts|keine\w*)\b[^.!?;:]{{0,50}}?\b{_HELFEN}\b"
        ),
        (
            r"(?:ich (?:kann|darf|werde|möchte)|[\w ]{0,40}\b(?:kann|darf|werde|möchte) ich)\b"
            r"[^.!?;:]{0,60}?\bkeine "
            r"(?:auskunft|auskünfte|anleitung|hilfe|informationen|beratung)\b"
        ),
        (
            r"das (?:kann|darf|werde|möchte) ich (?:leider )?nicht "
            r"(?:tun|machen|schreiben|erstellen)\b"
        ),
        r"(?:solche|derartige|diese) (?:inhalte|texte|anfragen) \w+ ich (?:leider )?nicht\b",
        rf"ich bin (?:leider )?nicht in der lage\b[^.!?]{{0,60}}\b(?:{_HELFEN}|zu geben)\b",
        r"(?:[\w ]{0,30}\b(?:muss|möchte) ich|ich (?:muss|möchte))\b[^.!?]{0,60}?\bablehnen\b",
    ),
)
_FRENCH: Final = _form(
    (
        r"(?:je suis |nous sommes )?(?:vraiment |sincèrement )?désolée?s?",
        r"pardon(?:nez-moi)?|excusez-moi|(?:je vous prie de )?m'excuser|malheureusement|mais|non",
        r"je regrette|bonjour|merci[^.!?]{0,120}[.!?]|je comprends[^.!?]{0,160}?(?:[.!?]|, mais\b)",
        r"en tant qu[e'][^,.]{0,60}",
    ),
    (
        (
            r"(?:je|nous) ne (?:peux|puis|pouvons|vais|pourrai|suis|sommes)(?: malheureusement)?"
            r"(?: pas)?(?: (?:autorisée? à|en mesure de|en mesure d'))? ?"
            r"(?:(?:vous|te|le|y|en) |[ltd]')?"
            r"(?:aider|assister|répondre|fournir|satisfaire|accéder à (?:cette|votre)|donner suite|"
            r"faire (?:cela|ça|ceci)|accepter|traiter (?:cette|votre)|discuter|participer|"
            r"partager (?:ce|cette|ces|d')|(?:rédiger|créer|écrire) (?:ce|cette|ces|un tel|de)\b|"
            r"donner (?:de|d'|ce|cette))"
        ),
        r"il m'est impossible d[e'] ?(?:répondre|vous|fournir|traiter|donner|satisfaire)",
        r"je (?:dois|me dois de) (?:refuser|décliner)|je refuse d",
        r"je préfère ne pas (?:répondre|vous|aborder|en parler|faire)",
    ),
)
_SPANISH: Final = _form(
    (
        r"lo (?:siento|lamento)(?: mucho)?|(?:mis |le pido )?disculpas?|perdón",
        r"lamentablemente|desafortunadamente|pero|hola|gracias[^.!?]{0,120}[.!?]",
        r"entiendo[^.!?]{0,160}?(?:[.!?]|, pero\b)",
        r"como (?:una? )?(?:ia|inteligencia|modelo|asistente)[^,.]{0,60}",
    ),
    (
        (
            r"no (?:puedo|podré|podemos|voy a|estoy autorizad[oa] (?:a|para)"
            r"|me es posible|soy capaz de|"
            r"estoy en condiciones de|tengo permitido) (?:"
            r"ayudar|asistir(?:te|le)?|responder(?: a)? (?:es[ao]|est[ae]|su|tu|tal)|proporcionar|"
            r"ofrecer(?:te|le)? (?:es[ao]|est[ae]|información|instrucciones|ayuda|asesor)|"
            r"cumplir (?:con )?(?:es[ao]|est[ae]|su|tu)|hacer (?:eso|esto)|participar|"
            r"atender (?:es[ao]|est[ae]|su|tu)|satisfacer|compartir (?:es[ao]|est[ae]|información)|"
            r"(?:crear|generar|escribir|redactar) (?:es[ao]|est[ae]|ese tipo|este tipo|contenido)|"
            r"dar(?:te|le)? (?:es[ao]|est[ae]|instrucciones|consejos|información))"
        ),
        r"(?:debo|tengo que) (?:rechazar|declinar)|me niego a",
        r"prefiero no (?:responder|hacer|ayudar|hablar)",
    ),
)
_ITALIAN: Final = _form(
    (
        r"mi (?:dispiace|scuso)(?: molto)?|(?:mi )?scusi|scusa|purtroppo|ma|però",
        r"come (?:un )?(?:ia|intelligenza|modello|assistente)[^,.]{0,60}",
    ),
    (
        (
            r"non (?:posso|potrò|sono in grado di|mi è possibile|sono autorizzat[oa] a) (?:aiutar|"
            r"assister|rispondere a (?:quest|tal)|fornir|soddisfare|far(?:e questo|lo)|partecipare|"
            r"(?:creare|generare|scrivere) (?:quest|contenut))"
        ),
        r"devo (?:rifiutare|declinare)",
    ),
)
_PORTUGUESE: Final = _form(
    (
        r"(?:eu )?(?:sinto|lamento)(?: muito)?|desculpe(?:-me)?|infelizmente|mas",
        r"como (?:uma? )?(?:ia|inteligência|modelo|assistente)[^,.]{0,60}",
    ),
    (
        (
            r"(?:eu )?não (?:posso|poderei|consigo|sou capaz de|estou autorizad[oa] a) "
            r"(?:(?:te|lhe|o|a) )?(?:ajud|auxili|fornecer|responder (?:a )?(?:ess|est|sua)|atender|"
            r"cumprir|fazer isso|participar|(?:criar|gerar|escrever) (?:ess|est|conteúdo))"
        ),
        r"(?:devo|tenho que) recusar",
    ),
)
_DUTCH: Final = _form(
    (
        r"het spijt (?:me|mij)|sorry|helaas|maar|bedankt[^.!?]{0,120}[.!?]",
        r"als (?:een )?(?:ai|taalmodel)[^,.]{0,40}",
    ),
    (
        (
            r"(?:ik (?:kan|mag|zal|wil)|(?:daar|hier|dat|dit)(?:mee|bij)? (?:kan|mag) ik)\b"
            r"[^.!?]{0,80}?\b(?:niet|geen)\b[^.!?]{0,50}?\b"
            r"(?:helpen|assisteren|beantwoorden|verstrekken|voldoen|meewerken)\b"
        ),
        r"ik moet [^.!?]{0,60}?weigeren",
    ),
)
_CHINESE: Final = re.compile(
    r"(?:(?:非常|很|十分)?(?:抱歉|对不起|遗憾)[,. ]*|但(?:是)?|作为(?:一个|一名)?[^,.]{0,20},){0,3}"
    r"我(?:无法|不能|不会|没有办法)(?:为您|为你|向您|向你|就此)?"
    r"(?:提供|协助|帮助|回答|满足|完成这|处理这|参与|讨论)"
)
_JAPANESE: Final = re.compile(
    r"(?:大変|誠に)?(?:申し訳(?:ありません|ございません)|すみません|恐れ入ります|残念)(?:が|ながら)?"
    r"[^.!?]{0,60}?(?:お手伝い|お答え|提供|対応|お応え|協力|支援)(?:する(?:こと)?(?:は|が))?(?:は)?"
    r"(?:でき(?:ません|かねます)|いたしかねます)"
)
_KOREAN: Final = re.compile(
    r"[^.!?]{0,20}?(?:죄송|미안)[^.!?]{0,60}?(?:도와|도움을|제공|답변|응답|수행)[^.!?]{0,20}?"
    r"(?:수 없|어렵|못)"
)
_FORMS: Final = (
    _ENGLISH, _GERMAN, _FRENCH, _SPANISH, _ITALIAN, _PORTUGUESE, _DUTCH, _CHINESE, _JAPANESE,
    _KOREAN,
)  # fmt: skip
