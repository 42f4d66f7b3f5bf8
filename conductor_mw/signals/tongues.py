# ruff: noqa: RUF001
"""The commonest words, rare letters and scripts by which `language.py` tells languages apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STOP_WORDS: Final[Mapping[str, str]] = {
    "en": "the of and to in is that it for was on are with as at be this have from or had by but "
    "what which you were can there their will would how why who when where your my we they "
    "does do did i me please write give explain an about make not should hello thanks hi",
    "de": "der die das und ist nicht ein eine einen mit von zu den dem auf für im sich auch wie "
    "was ich sie wir ihr mir mich bitte warum kann können haben hat sind war wird werden "
    "oder aber bei nach über wenn dass mein meine ihre kein keine wo wer danke hallo "
    "schreibe erkläre",
    "fr": "le la les des et est une un du dans que qui pour pas sur avec ne ce cette il elle "
    "nous vous je mon ma mes vos votre notre sont être avoir plus par au aux comment "
    "pourquoi quel quelle où merci bonjour mais ou donc si tout très peux pouvez écris "
    "explique traduis résume",
    "es": "el la los las de que y en un una es por con para no se lo como más pero sus le ya fue "
    "este está esta cuál qué cómo dónde quién mi tu su yo nosotros puede puedo hola gracias "
    "favor porque muy también son del al escribe explica traduce resume cuando cuánto",
    "it": "il lo la gli le di che e è un una per non con sono mi si come più ma anche del della "
    "nel dei alla questo questa cosa perché quando dove chi quale io noi ho hai ha abbiamo "
    "posso puoi ciao grazie favore scrivi spiega traduci riassumi molto",
    "pt": "o a os as de que e em um uma é não por com para se mais como mas foi ao ele ela das "
    "dos na no nas nos eu você seu sua meu minha está são pode posso isso este esta qual "
    "quando onde quem porque obrigado obrigada olá também muito escreva explique traduza "
    "resuma",
    "nl": "de het een en van ik te dat die in is niet zijn op aan met als voor er maar om dan "
    "hebben deze dit wat hoe waarom wie waar kan kunt mijn uw jij je wij we ze naar bij ook "
    "nog geen wel hallo bedankt dank alstublieft graag schrijf leg vertaal",
    "sv": "och att det är en ett som på av för med den till inte jag har vi du han hon kan från "
    "om men var eller hur vad varför när vem mitt min mina din era också bara mycket hej "
    "tack snälla skriv förklara översätt",
    "da": "og at det er en et som på af for med den til ikke jeg har vi du han hun kan fra om "
    "men var eller hvordan hvad hvorfor hvornår hvem min mit mine din også bare meget hej "
    "tak skriv forklar oversæt blev efter nogle",
    "no": "og at det er en et som på av for med den til ikke jeg har vi du han hun kan fra om "
    "men var eller hvordan hva hvorfor når hvem min mitt mine din også bare mye hei takk "
    "skriv forklar oversett ble etter noen",
    "fi": "ja on ei se että hän en ole oli mutta kun niin myös ovat kuin minä sinä me te he mitä "
    "miten miksi missä kuka milloin voi voitko minun sinun joka tämä kiitos hei mikä vain "
    "jos olen kirjoita selitä käännä",
    "pl": "i w na nie się z do to że jest o jak po co tak za od ale czy dla jego przez już być "
    "mam są ten ta który która mnie moje mój proszę dlaczego kiedy gdzie kto dziękuję cześć "
    "może można napisz wyjaśnij przetłumacz",
    "cs": "a v je na se že s z do to jsem jak o pro ale co by si tak po jako za od nebo když má "
    "jsou byl které který mi můj proč kdy kde kdo děkuji ahoj prosím může není také napiš "
    "vysvětli přelož",
    "sk": "a v je na sa že s z do to som ako o pre ale čo by si tak po za od alebo keď má sú bol "
    "ktoré ktorý mi môj prečo kedy kde kto ďakujem ahoj prosím môže nie tiež napíš vysvetli "
    "prelož",
    "hu": "a az és hogy nem is egy van ez azt de mint meg volt ha csak már el ki még vagy kell "
    "lehet mi miért hogyan mikor hol én te ő ti ők köszönöm szia kérem nagyon vannak írj "
    "magyarázd fordítsd",
    "ro": "și în de la a cu pe nu este că un o să din pentru mai ce care am au sunt fi dar ca "
    "cum unde când cine eu tu noi meu mea mele vă mulțumesc bună salut vreau pot poate "
    "foarte scrie explică tradu",
    "tr": "ve bir bu da de için ile ne çok daha gibi ben sen o biz siz onlar var yok mi mı mu mü "
    "değil ama nasıl neden niçin nerede kim lütfen merhaba teşekkürler olarak olan kadar "
    "sonra benim yaz açıkla çevir",
    "vi": "và của là có không được cho một các những người này trong với để đã tôi bạn như thế "
    "nào khi ở từ làm sao tại gì ai xin chào cảm ơn hãy viết giải thích dịch",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya kamu anda kami "
    "ke karena ada adalah bisa apa bagaimana mengapa kapan siapa tolong terima kasih halo "
    "atau sudah tulis jelaskan terjemahkan",
    "hr": "i je u na se da su za od koji što kao ali ili nije ne bi sam smo ste ovo to kako "
    "zašto gdje kada tko moj molim hvala bok može samo napiši objasni prevedi",
    "sl": "in je na se da so za od ki kot ali pa ni ne bi sem smo ste to kako zakaj kje kdaj kdo "
    "moj prosim hvala živjo lahko tudi samo napiši razloži prevedi",
    "ca": "el la els les de que i en un una és per amb no es com més però aquest aquesta què on "
    "qui quan perquè jo nosaltres meva meu gràcies hola si us plau molt també són del al "
    "dels",
    "et": "ja on ei see et ta oli aga kui ka mis mida kuidas miks kus kes mina sina meie teie "
    "nad palun tere aitäh või oma ning minu kas",
    "lv": "un ir uz ar par no ka nav bet kā kas ko kur kad kāpēc es tu mēs jūs viņi lūdzu "
    "paldies sveiki vai mans arī tikai",
    "lt": "ir yra į su apie iš kad ne bet kaip kas ką kur kada kodėl aš tu mes jūs jie prašau "
    "ačiū labas ar mano taip pat tik",
    "ru": "и в не на я что он с как это по но она к из у за от так о же для вы мы они бы если "
    "или есть был когда где кто почему мой моя мне меня пожалуйста спасибо привет "
    "здравствуйте можно напиши объясни переведи",
    "uk": "і в не на я що він з як це по але вона до із у за від так о ж для ви ми вони б якщо "
    "або є був коли де хто чому мій моя мені мене будь ласка дякую привіт можна та щоб "
    "напиши поясни переклади",
    "bg": "и в не на аз че той с как това по но тя към от за да се е са ние вие те ако или има "
    "беше кога къде кой защо моят ми мен моля благодаря здравей може ли със напиши обясни "
    "преведи",
    "sr": "и у не на ја да он с као то по али она ка из је за од су ми ви они би ако или има био "
    "када где ко зашто мој моја мени молим хвала здраво може шта напиши објасни преведи",
}

# Letters that few languages have, so that a short text without stop words still shows itself.
LETTERS: Final[Mapping[str, str]] = {
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
SCRIPTS: Final = (
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
