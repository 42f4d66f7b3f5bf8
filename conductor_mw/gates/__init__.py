"""A gate: a question to people, kept as a record that any process can decide."""

from .book import Decided, Gates, Listing, Status, moment, told
from .gate import (
    CALLER,
    DEADLINE,
    LARGEST_TEXT,
    MOST_PEOPLE,
    Approvals,
    Choice,
    Gate,
    OnTimeout,
    State,
    Verdict,
)
from .interrupting import Interrupting, Visit, keeping, visit_of

__all__ = [
    "CALLER",
    "DEADLINE",
    "LARGEST_TEXT",
    "MOST_PEOPLE",
    "Approvals",
    "Choice",
    "Decided",
    "Gate",
    "Gates",
    "Interrupting",
    "Listing",
    "OnTimeout",
    "State",
    "Status",
    "Verdict",
    "Visit",
    "keeping",
    "moment",
    "told",
    "visit_of",
]
