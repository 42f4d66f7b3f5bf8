"""Traffic: requests in a file, run through a policy, summed up per route and compared by cost."""

from .answered import Answered
from .compare import Comparison, compare
from .read import Question, read_lines, read_traffic
from .run import Stage, is_simulated, run_traffic, stage
from .summary import Route, Summary, summarise

__all__ = [
    "Answered",
    "Comparison",
    "Question",
    "Route",
    "Stage",
    "Summary",
    "compare",
    "is_simulated",
    "read_lines",
    "read_traffic",
    "run_traffic",
    "stage",
    "summarise",
]
