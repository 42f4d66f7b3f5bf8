"""Secrets: keys whose makers gave them a form, and assignments that look like a password's."""

from __future__ import annotations

import math
from typing import Final

from .kinds import Candidate, Kind

_WORDS: Final = (
    r"(?:api[_ -]?key|apikey|secret(?:[_ -]?(?:access[_ -]?)?key)?|client[_ -]?secret"
    r"|(?:auth|access|refresh|bearer|private)?[_ -]?token"
    r"|passwor[dt]|passwd|pwd|passphrase|kennwort"
    r"|mot de passe|contraseña|senha|wachtwoord|parola|hasło|пароль|密码|パスワード|credentials?"
    r"|private[_-]?key|access[_-]?key|authorization)"
)
_ASSIGNED: Final = rf"(?i){_WORDS}[\"'\]]{{0,2}}\s{{0,3}}(?:[:=]|\b(?:is|lautet|ist|est|es|è|é)\b)"
_STAND_INS: Final = (
    "your", "example", "xxx", "changeme", "change_me", "placeholder", "redacted", "dummy", "getenv",
    "environ", "process.env", "insert", "sample", "secret_here", "key_here", "1234567", "abcdef",
    "password", "secret", "token", "...",
)  # fmt: skip
_LEAST: Final = 2.75
"""Bits per character from which a password is taken for one; `Tr0ub4dor&3` has 3.3."""


def entropy(text: str) -> float:
    """Give the bits per character, counted by how often each character stands in the text.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    total = len(text)
    counts = (text.count(sign) for sign in set(text))
    return sum(count / total * math.log2(total / count) for count in counts)


def unpredictable(text: str) -> bool:
    """Whether a value looks like a secret rather than like a word, a number or a stand-in.

    A secret has letters and digits (or, from 20 characters on, letters of both cases), no
    brackets, nothing that people write instead of one, and enough different characters.

    >>> unpredictable("k3J9xQ2mW8vT"), unpredictable("YOUR_API_KEY_HERE")
    (True, False)
    >>> unpredictable("conversation"), unpredictable("128000")
    (False, False)
    """
    lower = text.lower()
    if any(sign in text for sign in "(){}<>$[]*") or any(word in lower for word in _STAND_INS):
        return False
    digits = sum(sign.isdigit() for sign in text)
    letters = sum(sign.isalpha() for sign in text)
    cased = lower != text and text.upper() != text
    mixed = (digits and letters >= 2) or (len(text) >= 20 and cased and text.isalnum())
    return bool(mixed) and entropy(text) >= _LEAST


def _assigned(found: Candidate) -> int:
    text = found.text.rstrip(".,;:!?)")
    return len(text) if len(text) >= 8 and unpredictable(text) else 0


def _random(found: Candidate) -> int:
    return len(found.text) if entropy(found.text) >= 3.0 else 0


def _address(found: Candidate) -> int:
    """Whether the password of an address is one, and not what a manual writes there."""
    password = found.text.partition("://")[2].rpartition("@")[0].partition(":")[2].lower()
    stand_ins = {"password", "pass", "passwd", "pwd", "secret", "changeme", "user", "token", "pw"}
    odd = any(sign in password for sign in "<>{}$*") or set(password) <= {"x", "."}
    return 0 if odd or password in stand_ins else len(found.text)


def _named(found: Candidate) -> int:
    password = found.text.rpartition("=")[2]
    return len(found.text) if unpredictable(password) else 0


def _key(name: str, pattern: str, *, checked: bool = True, hint: str = "") -> Kind:
    return Kind(name, "secrets", rf"\b(?:{pattern})", _random if checked else None,
                hint=hint)  # fmt: skip


_BODY: Final = r"[A-Za-z0-9+/=\s\\]{0,1000}"
SECRETS: Final = (
    Kind(
        "private_key",
        "secrets",
        (
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            rf"{_BODY * 4}"
            r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
        hint=r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY",
        head=r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY",
    ),
    _key("aws_key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    Kind(
        "aws_secret",
        "secrets",
        (
            r"(?i)(?:aws|secret|amazon)[a-z_ .-]{0,24}key[\"']?\s{0,3}(?:=|:|=>)\s{0,3}[\"']?"
            r"([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)"
        ),
        _random,
        head=r"(?i)(?:aws|secret|amazon)[a-z_ .-]{0,24}key",
    ),
    _key("github_token", r"gh[pousr]_[A-Za-z0-9]{36,255}\b"),
    _key("github_token", r"github_pat_[0-9A-Za-z_]{22,255}\b"),
    _key("gitlab_token", r"gl(?:pat|ptt|rt|dt|ft|soat|agent|oas|cbt)-[0-9A-Za-z_-]{20,120}"),
    _key("slack_token", r"(?:xox[abeoprs]|xapp)-[0-9A-Za-z-]{10,250}"),
    Kind(
        "slack_webhook",
        "secrets",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z0-9]{8,13}/[A-Z0-9]{8,13}/[A-Za-z0-9]{16,48}",
    ),
    _key("stripe_key", r"(?:[sr]k_(?:live|test)|whsec)_[0-9A-Za-z]{16,250}\b"),
    _key("anthropic_key", r"sk-ant-[0-9A-Za-z_-]{20,200}"),
    _key("openai_key", r"sk-(?:proj-|svcacct-|admin-|None-)[0-9A-Za-z_-]{20,250}"),
    _key("openai_key", r"sk-[0-9A-Za-z]{20,100}\b"),
    _key("openrouter_key", r"sk-or-(?:v1-)?[0-9a-f]{32,80}\b"),
    _key("huggingface_token", r"(?:hf|api_org)_[A-Za-z]{34}\b"),
    _key("groq_key", r"gsk_[0-9A-Za-z]{40,60}\b"),
    _key("replicate_key", r"r8_[0-9A-Za-z]{37,40}\b"),
    _key("google_key", r"AIza[0-9A-Za-z_-]{35}"),
    _key("google_oauth", r"(?:ya29\.[0-9A-Za-z_-]{20,500}|GOCSPX-[0-9A-Za-z_-]{24,40})"),
    _key("azure_key", r"(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,90}={0,2}"),
    _key("azure_key", r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", hint=r"\dQ~[\w~.-]{31}"),
    _key("npm_token", r"npm_[0-9A-Za-z]{36}\b"),
    _key("pypi_token", r"pypi-AgEI[0-9A-Za-z_-]{50,500}"),
    _key("sendgrid_key", r"SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{32,64}"),
    _key("telegram_token", r"\d{8,10}:AA[0-9A-Za-z_-]{32,34}"),
    _key("digitalocean_token", r"do[opr]_v1_[0-9a-f]{64}\b"),
    _key(
        "jwt",
        r"eyJ[0-9A-Za-z_-]{10,900}\.eyJ[0-9A-Za-z_-]{4,1000}\.[0-9A-Za-z_-]{0,700}",
        hint=r"eyJ[0-9A-Za-z_-]{10}",
    ),
    Kind(
        "connection_string",
        "secrets",
        (
            r"(?i)\b[a-z][a-z0-9+.-]{1,24}://[^\s:/@\"'<>]{0,64}:[^\s@/\"']{1,128}"
            r"@[A-Za-z0-9.\[\]_\x{80}-\x{10FFFF}-]{1,200}"
        ),
        _address,
        hint=r"://[^\s:/@]{0,64}:[^\s@/]{1,128}@",
    ),
    Kind(
        "connection_string",
        "secrets",
        (
            r"(?i)\b(?:server|host|data source|endpoint)=[^;\n]{1,100};"
            r"(?:[^=;\n]{1,30}=[^;\n]{0,80};){0,8}"
            r"\s?(?:password|pwd)=[^;\s\"']{4,100}"
        ),
        _named,
        hint=r"(?i);\s?(?:password|pwd)=[^;\s\"']{4}",
        head=r"(?i)\b(?:server|host|data source|endpoint)=",
    ),
    Kind(
        "generic_secret",
        "secrets",
        r"(?i)\b(?:basic|bearer) ([A-Za-z0-9+/_.=~-]{16,400})",
        _assigned,
        head=r"(?i)\b(?:basic|bearer) ",
    ),
    Kind(
        "generic_secret",
        "secrets",
        (
            rf"(?i){_WORDS}[\"'\]]{{0,2}}\s{{0,3}}(?:[:=]{{1,2}}>?|\b(?:is|lautet|ist|est|es|è|é)\b)"
            r"\s{0,3}[\"'`]?([^\s\"'`,;<>{}]{8,200})"
        ),
        _assigned,
        hint=_ASSIGNED,
        head=_ASSIGNED,
    ),
)
