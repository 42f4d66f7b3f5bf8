"""A worker that says how somebody feels: `python classify.py --port 9000`.

It reads the input's `text` and answers one of three words, which a rule can read as a signal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from serve import Refused, serve

ANGRY = {"angry", "awful", "broken", "complaint", "refund", "terrible", "unacceptable", "worst"}
HAPPY = {"glad", "great", "happy", "love", "perfect", "thank", "thanks", "wonderful"}


def mood(given: Mapping[str, Any]) -> str:
    """Give `angry`, `happy` or `calm`."""
    text = given.get("text")
    if not isinstance(text, str):
        raise Refused(422, "no_text", "the input has no `text`")
    words = set(re.findall(r"[a-z]+", text.lower()))
    angry, happy = len(words & ANGRY), len(words & HAPPY)
    if angry == happy:
        return "calm"
    return "angry" if angry > happy else "happy"


if __name__ == "__main__":
    serve(mood)
