"""Personal data: patterns, and checks that tell it from numbers that only look alike.

Kinds that a number's shape alone does not give away ask for a word nearby (`BSN: 111222333`).
Where two kinds match at one place, the longer wins, and then the one that stands first here.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from . import checksums
from .kinds import Candidate, Check, Kind, compiled

_L: Final = r"A-Za-z\x{C0}-\x{24F}\x{370}-\x{52F}"
# Not \pL: its automaton is a hundred times as large, and google-re2 then goes a slower way.
_MONTH: Final = (
    r"(?:jan|feb|mar|mär|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|févr|mars|avr|juin|juil"
    r"|août|déc|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out)[a-z\x{C0}-\x{24F}]{0,7}\.?"
)
_DATE: Final = (
    r"(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}\b"
    r"|(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}"
    rf"|\d{{1,2}}(?:\.|st|nd|rd|th)? (?:of |de |di )?{_MONTH},? (?:de )?(?:19|20)\d{{2}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}})"
)
_PHONE_WORDS: Final = (
    r"(?i)(?:\b(?:phone|tel|telephone|telefon|telefonnummer|handy|handynummer|mobile?|mobil|cell"
    r"|call|ring|text|fax|whatsapp|signal|sms|dial|my number is|reach me (?:at|on)|rufnummer"
    r"|anrufen|erreichbar|unter|t[ée]l[ée]phone|portable|appele[zr]|m[óo]vil|tel[ée]fono|telefone"
    r"|celular|ll[aá]m[ae](?:me)?|cellulare|telefono|chiama(?:mi)?|bel|telefoonnummer|ring)\b"
    r"|电话|手机|電話|携帯|전화|телефон)"
)


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit() and sign.isascii())


def _word(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())


def _number(fits: Callable[[str], bool], *, near: str = "", loose: str = "") -> Check:
    """Give a check of a number's digits and letters.

    Args:
        fits: says whether such a number may exist.
        near: a pattern of words, one of which must stand near.
        loose: where a match has this shape too, no word need stand near.
    """

    def check(found: Candidate) -> int:
        if not fits(_plain(found.text)):
            return 0
        shaped = loose and compiled(rf"\A(?:{loose})\z", capture=False).search(found.text.encode())
        if near and not shaped and not _near(near, found):
            return 0
        return len(found.text)

    return check


def _near(words: str, found: Candidate) -> bool:
    around = f"{found.before} # {found.after}".encode("utf-8", "replace")
    return compiled(words, capture=False).search(around) is not None


def _email(found: Candidate) -> int:
    # `https://user@host.example` and `git@host.example:path` name machines.
    before = found.before
    if before.endswith(("://", "/@")) or found.text.startswith("git@"):
        return 0
    authority = before.rpartition("://")
    if authority[1] and not any(sign in authority[2] for sign in "/ \n\t\"'"):
        return 0
    return len(found.text)


def _iban(found: Candidate) -> int:
    # The pattern also swallows words that follow; the country says where the number ends.
    taken = ""
    for place, sign in enumerate(found.text):
        if sign.isalnum():
            taken += sign
            following = found.text[place + 1 : place + 2] or found.after[:1]
            if len(taken) >= 15 and not following.isalnum() and checksums.iban(taken):
                return place + 1
    return 0


def _card(found: Candidate) -> int:
    # The months of `4111 1111 1111 1111 12/27` match as a fifth group.
    text = found.text
    for end in (len(text), max(text.rfind(sign) for sign in " .-")):
        if end >= 13 and checksums.card(_digits(text[:end])):
            return end
    return 0


def _phone(found: Candidate) -> int:
    digits = _digits(found.text)
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or checksums.rises(digits):
        return 0
    return len(found.text)


def _phone_alone(found: Candidate) -> int:
    """Whether it is a telephone number and no piece of a longer number, word or date."""
    last = found.before[-1:]
    return 0 if _word(last) or (last and last in "_.,-+/:") else _phone(found)


def _phone_abroad(found: Candidate) -> int:
    whole, _, broken = found.text.partition(".")
    decimal = broken.isdigit() and len(whole) <= 3 and len(broken) > 4
    joined = _word(found.before[-1:]) or found.before[-1:] == "+"
    return 0 if decimal or joined or len(_digits(found.text)) < 8 else _phone(found)


def _phone_at_home(found: Candidate) -> int:
    continued = found.before.rstrip(" ")[-1:].isdigit()
    return 0 if continued or not 9 <= len(_digits(found.text)) <= 12 else _phone_alone(found)


def _phone_named(found: Candidate) -> int:
    return _phone_alone(found) if _near(_PHONE_WORDS, found) else 0


def _passport(found: Candidate) -> int:
    return len(found.text) if len(_digits(found.text)) >= 2 else 0


def _ip(found: Candidate) -> int:
    if found.before[-1:] in (".", ":"):
        return 0
    try:
        address = ip_address(found.text)
    except ValueError:
        return 0
    version = compiled(r"(?i)(?:version|release|section|rfc|§|\bv)\.? ?\z", capture=False)
    here = address.is_loopback or address.is_unspecified
    return 0 if here or version.search(found.before.encode("utf-8", "replace")) else len(found.text)


_BORN: Final = (
    r"(?i)(?:date of birth|\bd\.?o\.?b\.?\b|\bborn(?: on)?\b|birth ?da(?:y|te)|geb(?:oren|\.)"
    r"(?: am)?|geburtsdatum|\bnée? le|date de naissance|fecha de nacimiento|nacid[oa] el"
    r"|data di nascita|\bnat[oa] il|data de nascimento|nascid[oa] em|geboortedatum|geboren op)"
)


def _shape(name: str, pattern: str, check: Check, hint: str = "") -> Kind:
    """Give a kind whose matches may begin inside a longer one that failed its check."""
    return Kind(name, "pii", pattern, check, hint=hint, inside=True)


_TAX_WORDS: Final = r"(?i)steuer|id-?nr|identifikationsnummer|\btin\b|tax id"
PERSONAL: Final = (
    Kind(
        "email",
        "pii",
        (
            rf"[{_L}0-9_](?:[{_L}0-9._%+'-]{{0,62}}[{_L}0-9_%+'-])?"
            rf"@(?:[{_L}0-9](?:[{_L}0-9-]{{0,30}}[{_L}0-9])?\.){{1,5}}[{_L}]{{2,18}}"
        ),
        _email,
        hint=rf"@[{_L}0-9.-]{{1,40}}\.[{_L}]",
    ),
    Kind(
        "email",
        "pii",
        (
            rf"(?i)[{_L}0-9_](?:[{_L}0-9._%+-]{{0,40}}[{_L}0-9])?"
            r" ?[\[({<] ?(?:at|ät|@) ?[\])}>] ?"
            rf"[{_L}0-9-]{{1,40}}"
            rf"(?: ?[\[({{<]? ?(?:dot|punkt|punto|point|\.) ?[\])}}>]? ?[{_L}0-9-]{{2,24}}){{1,3}}"
        ),
        hint=r"(?i)[\[({<] ?(?:at|ät|@) ?[\])}>]",
        head=rf"(?i)[{_L}0-9._%+-]{{1,42}} ?[\[({{<] ?(?:at|ät|@)",
    ),
    Kind(
        "iban",
        "pii",
        r"(?i)\b[A-Z]{2}\d{2}(?:[ .-]?[A-Z0-9]){11,30}",
        _iban,
        inside=True,
        hint=r"(?i)\b[A-Z]{2}\d{2}[ .-]?[A-Z0-9]{4}[ .-]?[A-Z0-9]{4}",
    ),
    Kind(
        "card",
        "pii",
        (
            r"\b(?:\d{13,19}|\d{4}(?:[ .-]\d{4}){3}(?:[ .-]\d{1,3})?"
            r"|\d{4}[ .-]\d{6}[ .-]\d{4,5}(?:[ .-]\d{1,2})?)\b"
        ),
        _card,
        inside=True,
    ),
    _shape("nir",
        r"\b(?:[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2})\b",
        _number(checksums.nir)),
    _shape("codice_fiscale",
        r"(?i)\b(?:[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z])\b",
        _number(checksums.codice_fiscale)),
    _shape("ssn", r"\b(?:\d{3}[ -]?\d{2}[ -]?\d{4})\b",
        _number(checksums.ssn, near=r"(?i)\bssn\b|social security|\bsocial\b|tax ?payer",
                loose=r"\d{3}-\d{2}-\d{4}")),
    _shape("nino", r"\b(?:[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D])\b", _number(checksums.nino)),
    _shape("nhs", r"\b(?:\d{3}[ -]?\d{3}[ -]?\d{4})\b",
        _number(checksums.nhs, near=r"(?i)\bnhs\b|patient")),
    _shape("steuer_id", r"\b(?:\d{2} ?\d{3} ?\d{3} ?\d{3})\b",
        _number(checksums.steuer_id, near=_TAX_WORDS, loose=r"\d{2} \d{3} \d{3} \d{3}")),
    _shape("bsn", r"\b(?:\d{9}|\d{4}[. ]\d{2}[. ]\d{3})\b",
        _number(checksums.bsn, near=r"(?i)\bbsn\b|burgerservice|\bsofi|persoonsnummer")),
    _shape("cpf", r"\b(?:\d{3}\.?\d{3}\.?\d{3}-?\d{2})\b",
        _number(checksums.cpf, near=r"(?i)\bcpf\b", loose=r"\d{3}\.\d{3}\.\d{3}-\d{2}")),
    _shape("aadhaar", r"\b(?:[2-9]\d{3}[ -]?\d{4}[ -]?\d{4})\b",
        _number(checksums.aadhaar, near=r"(?i)aadha?ar|\buidai?\b|आधार")),
    _shape("dni", r"\b(?:\d{8}[ -]?[A-Z]|[XYZ][ -]?\d{7}[ -]?[A-Z])\b",
        _number(checksums.dni)),
    _shape("pesel", r"\b(?:\d{11})\b", _number(checksums.pesel, near=r"(?i)pesel")),
    _shape("sin", r"\b(?:\d{3}[ -]?\d{3}[ -]?\d{3})\b",
        _number(checksums.sin, near=r"\bSIN\b|(?i:social insurance)|\bNAS\b")),
    Kind(
        "passport",
        "pii",
        (
            r"(?i)(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort|passaporte)"
            r"(?:[ :#-]{0,3}(?:number|num|no|nr|nummer|numéro|número|n[°º]|is|ist|est|es))?[.]?"
            r"[ :#]{1,3}([A-Z0-9]{6,9})\b"
        ),
        _passport,
        head=r"(?i)(?:passport|reisepass|passeport|pasaporte|passaporto|paspoort|passaporte)",
    ),
    Kind("birth_date", "pii", rf"{_BORN}(?: is| ist| was)?[ :=(]{{1,4}}({_DATE})", head=_BORN),
    _shape("phone", r"\+[1-9](?:[ ./()-]{0,3}\d){6,14}\b", _phone_abroad,
        r"\+[1-9](?:[ ./()-]{0,3}\d){6}"),
    _shape("phone", r"\b(?:00[1-9]\d{0,2}[ /-](?:[ /()-]{0,2}\d){6,12})\b", _phone_abroad),
    _shape("phone", r"(?:\(|\b)[2-9]\d{2}\)?[ .-]{1,2}[2-9]\d{2}-\d{4}\b", _phone_alone),
    _shape("phone", r"\(0?[1-9]\d{1,3}\) ?\d{3,5}[ -]\d{4}\b", _phone_alone),
    _shape("phone", r"\b0[1-9]\d{0,3}(?:[ /-]{1,3}\d{2,8}){1,4}\b",
        _phone_at_home),
    _shape("phone", r"(?:\(|\b)\d(?:[ ./()-]{0,2}\d){6,13}\b", _phone_named),
    Kind(
        "ip",
        "pii",
        (
            r"(?:\b(?:\d{1,3}\.){3}\d{1,3}"
            r"|\b(?:[0-9A-Fa-f]{1,4}:){1,7}(?::|[0-9A-Fa-f]{1,4})(?::?[0-9A-Fa-f]{1,4}){0,6})\b"
        ),
        _ip,
        usual=False,
    ),
)  # fmt: skip
