# ruff: noqa: RUF001
"""What the classifiers say of plain cases, and how much of a text they scan."""

from __future__ import annotations

import subprocess
import sys
from typing import SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_mw.signals.complexity import complexity_of
from conductor_mw.signals.cues import MATTER, OPENERS, PAIRS, TYPES, ZONE_WORDS
from conductor_mw.signals.domain import DOMAINS, domain_of
from conductor_mw.signals.glance import HEAD, TAIL, Glance, excerpt, split_words
from conductor_mw.signals.language import LANGUAGES, language_of
from conductor_mw.signals.type import points_of, type_of
from conductor_mw.signals.wants import wants_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who painted the Night Watch?", "simple"),
        ("What is the capital of Peru?", "simple"),
        ("Write a Python function that merges two sorted lists.", "code"),
        ("```js\nconst a = () => 1;\n```\nWhy does this not compile?", "code"),
        ("Traceback (most recent call last):\n  File 'a.py', line 1\nKeyError: 'x'", "code"),
        ("Solve x^2 - 5x + 6 = 0 for x.", "math"),
        (
            (
                "A train leaves with 40 people. At the first stop 12 get off and 7 get on, then "
                "half of them get off. How many people are left on the train?"
            ),
            "math",
        ),
        ("Translate this into German: Good morning.", "translation"),
        ("Traduis cette phrase en anglais : il pleut.", "translation"),
        ("この文を英語に翻訳してください。", "translation"),
        ("Summarise the following report in three sentences: The harvest was good.", "summary"),
        ("Fassen Sie den folgenden Text kurz zusammen: Die Ernte war gut.", "summary"),
        ("Extract all names and dates from this letter as JSON: Dear Ann, ...", "extraction"),
        ("Write a poem about the sea.", "creative"),
        ("Schreibe eine Geschichte über einen Fuchs.", "creative"),
        ("I was charged twice for my subscription, please refund one payment.", "support"),
        ("How do I reset my password?", "support"),
        ("Wie kann ich meine Rechnung als PDF herunterladen?", "support"),
        (
            "Find sources on microplastics in rivers and give an overview of the findings.",
            "research",
        ),
        (
            (
                "Solve this logic puzzle: three houses, three owners. Clue 1: the red one is left "
                "of the green one. Deduce who lives where, step by step."
            ),
            "reasoning",
        ),
        (
            "Compare the advantages and disadvantages of leasing and buying, and assess the risks.",
            "analysis",
        ),
        ("hello there", "chat"),
        ("Thank you!", "chat"),
    ],
)
def test_a_plain_case_has_its_type(text: str, expected: str) -> None:
    assert type_of(Glance.at(text)) == expected


def test_every_type_of_the_design_can_be_found() -> None:
    assert set(TYPES) == {
        "simple", "reasoning", "creative", "code", "math", "extraction",
        "summary", "translation", "research", "support", "analysis", "chat",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The defendant appealed, and the court upheld the verdict of the jury.", "law"),
        ("The patient has a fever, chest pain and low blood pressure.", "health"),
        ("def add(a, b):\n    return a + b\n", "software"),
        ("Why did the Roman empire fall?", "history"),
        ("How does inflation change the demand for bonds?", "finance"),
        ("An electron moves through a magnetic field with this velocity.", "science"),
        ("Find the area of a triangle whose sides are integers.", "math"),
        ("Your invoice is wrong, and the delivery of my order is late.", "business"),
        ("See you on Thursday then!", "general"),
        ("", "general"),
    ],
)
def test_a_plain_case_has_its_domain(text: str, expected: str) -> None:
    assert domain_of(Glance.at(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the capital of France?", "low"),
        ("Compare these two plans and justify your recommendation.", "medium"),
        (
            (
                "Design the architecture of a distributed queue. Consider these constraints:\n"
                "1. exactly one delivery\n2. multiple regions\n3. edge cases of clock drift\n"
                "Analyze the tradeoffs step by step and justify each decision in detail."
            ),
            "high",
        ),
        ("", "low"),
    ],
)
def test_a_plain_case_has_its_complexity(text: str, expected: str) -> None:
    assert complexity_of(Glance.at(text)) == expected


LANGUAGE_SAMPLES = {
    "ar": "كيف يمكنني تغيير كلمة المرور الخاصة بي؟",
    "bg": "Как мога да променя паролата си, моля?",
    "bn": "আমি কীভাবে আমার পাসওয়ার্ড পরিবর্তন করব?",
    "ca": "Com puc canviar la meva contrasenya, si us plau? Gràcies, això és tot.",
    "cs": "Jak si mohu změnit heslo? Prosím, když se přihlásím, není to možné.",
    "da": "Hvordan kan jeg ændre min adgangskode? Jeg kan ikke logge ind, hvad gør jeg så?",
    "de": "Wie kann ich mein Passwort ändern? Ich kann mich nicht anmelden.",
    "el": "Πώς μπορώ να αλλάξω τον κωδικό μου;",
    "en": "How can I change my password? I cannot log in.",
    "es": "¿Cómo puedo cambiar mi contraseña? No puedo entrar en mi cuenta.",
    "et": "Kuidas ma saan oma parooli muuta? Palun aidake, see ei tööta ja ma ei tea, miks.",
    "fa": "چگونه می‌توانم رمز عبور خود را تغییر دهم؟",
    "fi": "Miten voin vaihtaa salasanani? Se ei ole mahdollista, kun olen kirjautunut.",
    "fr": "Comment puis-je changer mon mot de passe ? Je ne peux pas me connecter.",
    "he": "איך אני יכול לשנות את הסיסמה שלי?",
    "hi": "मैं अपना पासवर्ड कैसे बदल सकता हूँ?",
    "hr": "Kako mogu promijeniti svoju lozinku? Molim, zašto to nije moguće?",
    "hu": "Hogyan tudom megváltoztatni a jelszavamat? Nem működik, kérem, hogy segítsen.",
    "id": "Bagaimana saya bisa mengganti kata sandi saya? Tolong, ini tidak bisa.",
    "it": "Come posso cambiare la mia password? Non riesco ad accedere al mio account, grazie.",
    "ja": "パスワードを変更するにはどうすればいいですか？",
    "ko": "비밀번호를 어떻게 변경하나요?",
    "lt": "Kaip galiu pakeisti savo slaptažodį? Ačiū, prašau, aš nežinau kodėl.",
    "lv": "Kā es varu nomainīt savu paroli? Lūdzu, paldies, es nezinu kāpēc.",
    "nl": "Hoe kan ik mijn wachtwoord wijzigen? Het is niet mogelijk om in te loggen.",
    "no": "Hvordan kan jeg endre passordet mitt? Jeg kan ikke logge inn, hva gjør jeg noen ganger?",
    "pl": "Jak mogę zmienić hasło? Proszę, dlaczego nie można się zalogować?",
    "pt": "Como posso mudar a minha senha? Não consigo entrar na minha conta, obrigado.",
    "ro": "Cum pot să îmi schimb parola? Vă mulțumesc, nu este posibil să intru.",
    "ru": "Как я могу изменить свой пароль? У меня это не работает.",
    "sk": "Ako si môžem zmeniť heslo? Prosím, keď sa prihlásim, nie je to možné.",
    "sl": "Kako lahko spremenim svoje geslo? Prosim, zakaj to ni mogoče?",
    "sr": "Како могу да променим лозинку? Молим вас, зашто то није могуће?",
    "sv": "Hur kan jag ändra mitt lösenord? Det går inte att logga in, vad gör jag?",
    "th": "ฉันจะเปลี่ยนรหัสผ่านได้อย่างไร",
    "tr": "Şifremi nasıl değiştirebilirim? Lütfen, bu neden çalışmıyor?",
    "uk": "Як я можу змінити свій пароль? Це не працює, будь ласка.",
    "ur": "میں اپنا پاس ورڈ کیسے بدل سکتا ہوں؟",
    "vi": "Làm sao để tôi đổi mật khẩu của mình?",
    "zh": "我怎么修改密码？",
}


@pytest.mark.parametrize(("language", "text"), LANGUAGE_SAMPLES.items())
def test_a_sentence_shows_its_language(language: str, text: str) -> None:
    assert language_of(Glance.at(text)) == language


@pytest.mark.parametrize("text", ["", "42", "Berlin", "👍👍", "x = y", "....", "\x00\x01"])
def test_what_shows_too_little_has_no_language(text: str) -> None:
    assert language_of(Glance.at(text)) == "und"


def test_a_foreign_name_does_not_make_a_text_foreign() -> None:
    assert language_of(Glance.at("What does the word λόγος mean in this sentence?")) == "en"


def test_at_least_twenty_languages_are_known() -> None:
    assert len(LANGUAGES) >= 40
    assert set(LANGUAGE_SAMPLES) <= set(LANGUAGES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Return the result as JSON.", ["json"]),
        ("Convert this JSON to YAML", ["yaml"]),
        ("Put it in a table, please, in Markdown", ["markdown", "table"]),
        ("List five rivers", ["list"]),
        ("What does this CSV contain?", []),
        ("Why is my JSON invalid?", []),
        ("Write something about this CSV", []),
        ("Give me the sum of the following table", []),
        ("Give me a numbered list", ["list"]),
        ("Erstelle eine Tabelle der Preise", ["table"]),
        ("Write a Python script for it", ["code"]),
        ("JSON only", ["json"]),
        ("Tell me a story", []),
    ],
)
def test_a_plain_case_wants_its_formats(text: str, expected: list[str]) -> None:
    assert wants_of(Glance.at(text)) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT * FROM users WHERE id = 3;", True),
        ("#include <stdio.h>\nint main() { return 0; }", True),
        ("Please import the goods and return the rest (we pay), thanks.", False),
        ("I think; therefore I am {sort of}.", False),
        ("class in the morning", False),
    ],
)
def test_program_text_is_told_from_prose(text: str, code: bool) -> None:
    assert Glance.at(text).code is code


def test_a_long_text_is_scanned_at_its_head_and_its_tail_only() -> None:
    long = "a" * HEAD + "b" * 1_000_000 + "c" * TAIL

    part = excerpt(long)

    assert part == "a" * HEAD + "\n" + "c" * TAIL


class Watched(str):
    """A text that counts the characters it hands out."""

    __slots__ = ("given",)
    given: int

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        part = str.__getitem__(self, key)
        self.given += len(part)
        return part

    def lower(self) -> str:
        pytest.fail("the whole text was scanned")

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        del sep, maxsplit
        pytest.fail("the whole text was scanned")

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        del encoding, errors
        pytest.fail("the whole text was scanned")


def test_a_megabyte_costs_no_more_than_the_cap() -> None:
    text = Watched("why not? " * 120_000)
    text.given = 0

    glance = Glance.at(text)
    for classify in (type_of, domain_of, complexity_of, language_of, wants_of):
        classify(glance)

    assert text.given == HEAD + TAIL
    assert len(glance.text) == HEAD + TAIL + 1


@given(st.text(max_size=12_000))
def test_no_text_is_scanned_beyond_the_cap(text: str) -> None:
    glance = Glance.at(text)

    assert len(glance.text) <= HEAD + TAIL + 1
    assert glance.length == len(text)
    assert len(glance.zone) <= 80


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_plain_ascii_has_the_words_that_any_text_has(text: str) -> None:
    lower = text.lower()

    assert split_words(lower) == split_words(f"{lower} é")[:-1]


def test_the_instruction_counts_wherever_it_stands() -> None:
    filler = "The committee met on Tuesday and spoke about the bridge. " * 300

    before = type_of(Glance.at(f"Translate into French:\n\n{filler}"))
    after = type_of(Glance.at(f"{filler}\n\nTranslate into French."))

    assert (before, after) == ("translation", "translation")


def test_the_points_of_a_text_explain_its_type() -> None:
    glance = Glance.at("Write a poem about the sea.")

    points = dict(zip(TYPES, points_of(glance), strict=True))

    assert max(points, key=points.__getitem__) == "creative"
    assert points["translation"] == 0


def test_another_process_with_another_hash_seed_says_the_same() -> None:
    code = (
        "from conductor_mw.signals.glance import Glance\n"
        "from conductor_mw.signals.type import points_of\n"
        "from conductor_mw.signals.language import language_of\n"
        "g = Glance.at('Please compare der die das y el la: 3 + 4 = ? Write code; translate it.')\n"
        "print(points_of(g), language_of(g))"
    )

    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(told) == 1


def test_points_are_halves_so_that_their_sums_do_not_depend_on_an_order() -> None:
    tables = (ZONE_WORDS, MATTER, PAIRS, OPENERS)

    points = {point for table in tables for given in table.values() for _, point in given}

    assert all(float(2 * point).is_integer() for point in points)


def test_every_domain_has_words_of_its_own() -> None:
    assert len(DOMAINS) == len(set(DOMAINS)) == 12
