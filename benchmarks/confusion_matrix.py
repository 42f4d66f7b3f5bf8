"""Print how often `input.type` and `input.domain` agree with the categories of public data.

    python benchmarks/confusion_matrix.py                  # the half that was never tuned on
    python benchmarks/confusion_matrix.py --half tune
    python benchmarks/confusion_matrix.py --misses 5       # and texts that went wrong

Prompts are taken once each and split in halves by a hash of their text, so no prompt stands on both
sides. Word lists and points were made on the tuning half; docs/signals.md shows the other one.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conductor_mw.lenses import to_request
from conductor_mw.signals.cues import TYPES
from conductor_mw.signals.domain import DOMAINS, domain_of
from conductor_mw.signals.glance import Glance
from conductor_mw.signals.type import type_of

ROOT: Final = Path(__file__).resolve().parents[1]
DATA: Final = ROOT.parent / "shared" / "data" / "routing"
DESK: Final = ROOT / "examples" / "support-desk" / "requests.jsonl"

# Which kind of task a data set's category is. Left out: categories that mix kinds (MMLU's fields of
# knowledge, MT-Bench stem and humanities) and commongen, whose prompts are bare lists of words.
TYPE_OF: Final[Mapping[str, str]] = {
    "gsm8k": "math",
    "gsm": "math",
    "agentverse-mgsm": "math",
    "math": "math",
    "math-l5": "math",
    "abstract_algebra": "math",
    "college_mathematics": "math",
    "elementary_mathematics": "math",
    "high_school_mathematics": "math",
    "high_school_statistics": "math",
    "human_eval": "code",
    "mbpp": "code",
    "crux": "code",
    "coding": "code",
    "trivia_qa": "simple",
    "natural_qa": "simple",
    "commonsense_qa": "simple",
    "openbook_qa": "simple",
    "arc_challenge": "simple",
    "miscellaneous": "simple",
    "agentverse-logicgrid": "reasoning",
    "reasoning": "reasoning",
    "formal_logic": "reasoning",
    "writing": "creative",
    "roleplay": "creative",
    "extraction": "extraction",
}

DOMAIN_OF: Final[Mapping[str, str]] = {
    category: domain
    for domain, categories in {
        "software": "human_eval mbpp crux coding college_computer_science computer_security "
        "high_school_computer_science machine_learning computer_science",
        "math": "gsm8k gsm agentverse-mgsm math math-l5 abstract_algebra college_mathematics "
        "elementary_mathematics high_school_mathematics high_school_statistics",
        "science": "astronomy college_biology college_chemistry college_physics conceptual_physics "
        "electrical_engineering high_school_biology high_school_chemistry high_school_physics "
        "biology chemistry physics engineering",
        "health": "anatomy clinical_knowledge college_medicine human_aging human_sexuality "
        "medical_genetics nutrition professional_medicine virology health",
        "law": "international_law jurisprudence professional_law law",
        "finance": "econometrics high_school_macroeconomics high_school_microeconomics "
        "professional_accounting economics",
        "business": "business_ethics management marketing public_relations business",
        "history": "high_school_european_history high_school_us_history high_school_world_history "
        "prehistory history",
        "philosophy": "formal_logic logical_fallacies moral_disputes moral_scenarios philosophy "
        "world_religions",
        "psychology": "high_school_psychology professional_psychology psychology",
        "society": "high_school_geography high_school_government_and_politics security_studies "
        "sociology us_foreign_policy",
        "general": "trivia_qa natural_qa commonsense_qa miscellaneous global_facts writing "
        "roleplay",
    }.items()
    for category in categories.split()
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A text and its category."""

    text: str
    category: str
    half: str


def half_of(key: str) -> str:
    """Give `tune` or `report` for a text, by a hash of it."""
    normal = " ".join(key.lower().split())
    return ("tune", "report")[hashlib.sha256(f"signals {normal}".encode()).digest()[0] & 1]


def routing_samples() -> Iterator[Sample]:
    """Give every prompt of the routing data, each once."""
    seen = set[str]()
    for path in sorted(DATA.glob("*.dev.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row: dict[str, Any] = json.loads(line)
                text = row["prompt"]
                if text not in seen:
                    seen.add(text)
                    yield Sample(text, row["cat"].replace(" ", "_"), half_of(text))


def desk_samples() -> Iterator[Sample]:
    """Give the last user message of every request of the support desk, with what a person says."""
    with DESK.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if "expect_type" in row:
                text = to_request(row["messages"]).text
                yield Sample(text, row["expect_type"], half_of(row["id"]))


def matrix(
    title: str,
    samples: Iterable[Sample],
    mapping: Mapping[str, str],
    names: Sequence[str],
    classify: Callable[[Glance], str],
    *,
    misses: int = 0,
) -> None:
    """Print the confusion matrix, precision and recall, as a Markdown table."""
    counts = Counter[tuple[str, str]]()
    wrong: dict[tuple[str, str], list[str]] = {}
    by_category = Counter[tuple[str, bool]]()
    for sample in samples:
        expected = mapping.get(sample.category)
        if expected is None:
            continue
        found = classify(Glance.at(sample.text))
        counts[expected, found] += 1
        by_category[sample.category, found == expected] += 1
        if found != expected:
            wrong.setdefault((expected, found), []).append(sample.text)
    total = counts.total()
    right = sum(counts[name, name] for name in names)
    print(f"\n### {title}\n\n{right:,} of {total:,} agree ({right / total:.1%}).\n")
    shown = [name for name in names if any(counts[a, b] for a in names for b in (name,))]
    rows = [name for name in names if any(counts[name, b] for b in names)]
    print("| expected \\ found |", " | ".join(shown), "| recall |")
    print("|---|" + "---:|" * (len(shown) + 1))
    for row in rows:
        whole = sum(counts[row, name] for name in names)
        cells = " | ".join(str(counts[row, name] or "·") for name in shown)
        print(f"| **{row}** | {cells} | {counts[row, row] / whole:.0%} |")
    columns = {name: sum(counts[row, name] for row in names) for name in shown}
    precision = [f"{counts[name, name] / columns[name]:.0%}" for name in shown]
    print("| precision |", " | ".join(precision), "| |")
    if not misses:
        return
    print()
    for category in sorted({name for name, _ in by_category}):
        good, bad = by_category[category, True], by_category[category, False]
        print(f"{category:32} {good / (good + bad):6.1%} of {good + bad}")
    for (expected, found), texts in sorted(wrong.items(), key=lambda item: -len(item[1])):
        print(f"\n{expected} found as {found}: {len(texts)}")
        for text in texts[:misses]:
            print("   ", repr(text[:300]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--misses", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    half, misses = arguments.half, arguments.misses
    if DATA.is_dir():
        samples = [sample for sample in routing_samples() if sample.half == half]
        matrix("input.type, routing data", samples, TYPE_OF, TYPES, type_of, misses=misses)
        matrix("input.domain, routing data", samples, DOMAIN_OF, DOMAINS, domain_of, misses=misses)
    else:
        print(f"no routing data at {DATA}: those tables are left out")
    if DESK.is_file():
        desk = [sample for sample in desk_samples() if sample.half == half]
        same = {name: name for name in TYPES}
        matrix("input.type, support desk", desk, same, TYPES, type_of, misses=misses)


if __name__ == "__main__":
    main()
