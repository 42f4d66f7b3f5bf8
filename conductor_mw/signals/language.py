"""input.language: which language a text is written in, by its script and its commonest words.

Scripts that one language mostly uses decide at once (Greek, Hebrew, Thai, Korean, ...). Latin and
Cyrillic texts are decided by stop words and by letters that few languages have. A text that shows
too little is `und`, as ISO 639 names what is not determined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from .glance import Glance

UNKNOWN: Final = "und"
SCANNED: Final = 1_000
"""Characters whose script is looked at; stop words are counted in the whole excerpt."""

_STOP_WORDS: Final[Mapping[str, str]] = {
    "en": "the of and to in is that it for was on are with as at be this have from or had by but what "
    "which you were can there their will would how why who when where your my we they does do did "
    "i me please write give explain an about make not should hello thanks hi",
    "de": "der die das und ist nicht ein eine einen mit von zu den dem auf für im sich auch wie was "
    "ich sie wir ihr mir mich bitte warum kann können haben hat sind war wird werden oder aber bei "
    "nach über wenn dass mein meine ihre kein keine wo wer danke hallo schreibe erkläre",
    "fr": "le la les des et est une un du dans que qui pour pas sur avec ne ce cette il elle nous vous "
    "je mon ma mes vos votre notre sont être avoir plus par au aux comment pourquoi quel quelle où "
    "merci bonjour mais ou donc si tout très peux pouvez écris explique traduis résume",
    "es": "el la los las de que y en un una es por con para no se lo como más pero sus le ya fue este "
    "está esta cuál qué cómo dónde quién mi tu su yo nosotros puede puedo hola gracias favor porque "
    "muy también son del al escribe explica traduce resume cuando cuánto",
    "it": "il lo la gli le di che e è un una per non con sono mi si come più ma anche del della nel "
    "dei alla questo questa cosa perché quando dove chi quale io noi ho hai ha abbiamo posso puoi "
    "ciao grazie favore scrivi spiega traduci riassumi molto",
    "pt": "o a os as de que e em um uma é não por com para se mais como mas foi ao ele ela das dos "
    "na no nas nos eu você seu sua meu minha está são pode posso isso este esta qual quando onde "
    "quem porque obrigado obrigada olá também muito escreva explique traduza resuma",
    "nl": "de het een en van ik te dat die in is niet zijn op aan met als voor er maar om dan hebben "
    "deze dit wat hoe waarom wie waar kan kunt mijn uw jij je wij we ze naar bij ook nog geen wel "
    "hallo bedankt dank alstublieft graag schrijf leg vertaal",
    "sv": "och att det är en ett som på av för med den till inte jag har vi du han hon kan från om "
    "men var eller hur vad varför när vem mitt min mina din era också bara mycket hej tack snälla "
    "skriv förklara översätt",
    "da": "og at det er en et som på af for med den til ikke jeg har vi du han hun kan fra om men "
    "var eller hvordan hvad hvorfor hvornår hvem min mit mine din også bare meget hej tak skriv "
    "forklar oversæt blev efter nogle",
    "no": "og at det er en et som på av for med den til ikke jeg har vi du han hun kan fra om men "
    "var eller hvordan hva hvorfor når hvem min mitt mine din også bare mye hei takk skriv forklar "
    "oversett ble etter noen",
    "fi": "ja on ei se että hän en ole oli mutta kun niin myös ovat kuin minä sinä me te he mitä "
    "miten miksi missä kuka milloin voi voitko minun sinun joka tämä kiitos hei mikä vain jos "
    "olen kirjoita selitä käännä",
    "pl": "i w na nie się z do to że jest o jak po co tak za od ale czy dla jego przez już być mam "
    "są ten ta który która mnie moje mój proszę dlaczego kiedy gdzie kto dziękuję cześć może można "
    "napisz wyjaśnij przetłumacz",
    "cs": "a v je na se že s z do to jsem jak o pro ale co by si tak po jako za od nebo když má "
    "jsou byl které který mi můj proč kdy kde kdo děkuji ahoj prosím může není také napiš vysvětli "
    "přelož",
    "sk": "a v je na sa že s z do to som ako o pre ale čo by si tak po za od alebo keď má sú bol "
    "ktoré ktorý mi môj prečo kedy kde kto ďakujem ahoj prosím môže nie tiež napíš vysvetli prelož",
    "hu": "a az és hogy nem is egy van ez azt de mint meg volt ha csak már el ki még vagy kell lehet "
    "mi miért hogyan mikor hol én te ő mi ti ők köszönöm szia kérem nagyon vannak írj magyarázd "
    "fordítsd",
    "ro": "și în de la a cu pe nu este că un o să din pentru mai ce care am au sunt fi dar ca cum "
    "unde când cine eu tu noi meu mea mele vă mulțumesc bună salut vreau pot poate foarte scrie "
    "explică tradu",
    "tr": "ve bir bu da de için ile ne çok daha gibi ben sen o biz siz onlar var yok mi mı mu mü "
    "değil ama nasıl neden niçin nerede kim lütfen merhaba teşekkürler olarak olan kadar sonra "
    "benim yaz açıkla çevir",
    "vi": "và của là có không được cho một các những người này trong với để đã tôi bạn như thế nào "
    "khi ở từ làm sao tại gì ai xin chào cảm ơn hãy viết giải thích dịch",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya kamu anda kami ke "
    "karena ada adalah bisa apa bagaimana mengapa kapan siapa tolong terima kasih halo atau sudah "
    "tulis jelaskan terjemahkan",
    "hr": "i je u na se da su za od koji što kao ali ili nije ne bi sam smo ste ovo to kako zašto "
    "gdje kada tko moj molim hvala bok može samo napiši objasni prevedi",
    "sl": "in je na se da so za od ki kot ali pa ni ne bi sem smo ste to kako zakaj kje kdaj kdo "
    "moj prosim hvala živjo lahko tudi samo napiši razloži prevedi",
    "ca": "el la els les de que i en un una és per amb no es com més però aquest aquesta què on qui "
    "quan perquè jo nosaltres meva meu gràcies hola si us plau molt també són del al dels",
    "et": "ja on ei see et ta oli aga kui ka mis mida kuidas miks kus kes mina sina meie teie nad "
    "palun tere aitäh või oma ning minu kas",
    "lv": "un ir uz ar par no ka nav bet kā kas ko kur kad kāpēc es tu mēs jūs viņi lūdzu paldies "
    "sveiki vai mans arī tikai",
    "lt": "ir yra į su apie iš kad ne bet kaip kas ką kur kada kodėl aš tu mes jūs jie prašau ačiū "
    "labas ar mano taip pat tik",
    "ru": "и в не на я что он с как это по но она к из у за от так о же для вы мы они бы если или "
    "есть был когда где кто почему мой моя мне меня пожалуйста спасибо привет здравствуйте можно "
    "напиши объясни переведи",
    "uk": "і в не на я що він з як це по але вона до із у за від так о ж для ви ми вони б якщо або "
    "є був коли де хто чому мій моя мені мене будь ласка дякую привіт можна та щоб напиши поясни "
    "переклади",
    "bg": "и в не на аз че той с как това по но тя към от за да се е са са ние вие те ако или има "
    "беше кога къде кой защо моят ми мен моля благодаря здравей може ли със напиши обясни преведи",
    "sr": "и у не на ја да он с као то по али она ка из је за од су ми ви они би ако или има био "
    "када где ко зашто мој моја мени молим хвала здраво може шта напиши објасни преведи",
}

# Letters that few languages have, so that a short text without stop words still shows itself.
_LETTERS: Final[Mapping[str, str]] = {
    "de": "ß",
    "es": "ñ¿¡",
    "pt": "ãõ",
    "fr": "œêèùû",
    "hu": "őű",
    "tr": "ığ",
    "pl": "łąęśźż",
    "cs": "řěů",
    "sk": "ľĺŕ",
    "da": "øæ",
    "no": "øå",
    "sv": "äå",
    "ro": "țșă",
    "et": "õ",
    "lv": "āēīūņļķģ",
    "lt": "ėįųū",
    "vi": "ơưạảấầẩậắằặẹẻẽếềểễệỉịọỏốồổộớờởợụủứừửữựỳỷỹđ",
    "uk": "іїєґ",
    "ru": "ыэё",
    "bg": "ъщ",
    "sr": "јљњћђџ",
}

# First and last code point of scripts, and the language that mostly uses them.
_SCRIPTS: Final = (
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0530, 0x058F, "hy"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x077F, "arabic"),
    (0x0900, 0x097F, "hi"),
    (0x0980, 0x09FF, "bn"),
    (0x0A00, 0x0A7F, "pa"),
    (0x0A80, 0x0AFF, "gu"),
    (0x0B80, 0x0BFF, "ta"),
    (0x0C00, 0x0C7F, "te"),
    (0x0C80, 0x0CFF, "kn"),
    (0x0D00, 0x0D7F, "ml"),
    (0x0E00, 0x0E7F, "th"),
    (0x1000, 0x109F, "my"),
    (0x10A0, 0x10FF, "ka"),
    (0x1200, 0x137F, "am"),
    (0x1780, 0x17FF, "km"),
    (0x3040, 0x30FF, "ja"),
    (0x3400, 0x4DBF, "zh"),
    (0x4E00, 0x9FFF, "zh"),
    (0xAC00, 0xD7AF, "ko"),
    (0xF900, 0xFAFF, "zh"),
)

# In the order of the table: on equal points the more widely written language wins.
_LANGUAGES: Final = tuple(_STOP_WORDS)


def _invert(table: Mapping[str, Iterable[str]]) -> dict[str, tuple[tuple[int, float], ...]]:
    holders: dict[str, list[int]] = {}
    for position, language in enumerate(_LANGUAGES):
        for word in table.get(language, ()):
            places = holders.setdefault(word, [])
            if position not in places:
                places.append(position)
    return {
        word: tuple((position, 1 / len(places)) for position in places)
        for word, places in holders.items()
    }


_WORD_WEIGHTS: Final = _invert({name: words.split() for name, words in _STOP_WORDS.items()})
_LETTER_WEIGHTS: Final = _invert(_LETTERS)

LANGUAGES: Final = tuple(
    sorted({*_LANGUAGES, *(name for _, _, name in _SCRIPTS if len(name) == 2), "ar", "fa", "ur"})  # noqa: PLR2004
)
"""Every code that `input.language` may have, apart from `und`."""


def language_of(glance: Glance) -> str:
    """Return the ISO 639-1 code of a text's language, or `und`.

    >>> language_of(Glance.at("Wie kann ich meine Rechnung herunterladen?"))
    'de'
    >>> language_of(Glance.at("Как дела?")), language_of(Glance.at("42"))
    ('ru', 'und')
    """
    if not glance.lower.isascii():
        script = _script(glance.lower[:SCANNED])
        if script == "arabic":
            return _arabic(glance.lower[:SCANNED])
        if script and script != "cyrillic":
            return script
    return _by_words(glance)


def _script(text: str) -> str:
    counts: dict[str, int] = {}
    latin = 0
    for character in set(text):
        code = ord(character)
        if code < 0x0370:  # noqa: PLR2004 - Latin and its accents end here
            latin += character.isalpha()
            continue
        for first, last, name in _SCRIPTS:
            if first <= code <= last:
                counts[name] = counts.get(name, 0) + 1
                break
    if not counts:
        return ""
    if "ja" in counts:
        # Japanese mixes its syllables with Chinese characters, and only Japanese does.
        return "ja"
    name = max(sorted(counts), key=counts.__getitem__)
    # A foreign name or a formula's Greek letter does not make a text foreign.
    return name if counts[name] * 2 > latin or counts[name] > 20 else ""  # noqa: PLR2004


def _arabic(text: str) -> str:
    letters = set(text)
    if letters & set("ٹڈڑںے"):
        return "ur"
    if letters & set("پچژگ"):
        return "fa"
    return "ar"


def _by_words(glance: Glance) -> str:
    scores = [0.0] * len(_LANGUAGES)
    for word in glance.words:
        for position, weight in _WORD_WEIGHTS.get(word, ()):
            scores[position] += weight
    if not glance.lower.isascii():
        for letter in set(glance.lower):
            for position, weight in _LETTER_WEIGHTS.get(letter, ()):
                scores[position] += weight
    best = max(scores)
    # One word that a dozen languages share says nothing.
    if best < 0.5:  # noqa: PLR2004
        return UNKNOWN
    return _LANGUAGES[scores.index(best)]
