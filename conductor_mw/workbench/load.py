"""Load a policy away from its app: what only the app can give counts as given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from conductor_mw import policy as policies
from conductor_mw.errors import EvaluationError
from conductor_mw.policy import Policy
from conductor_mw.request import Request


class AppSignals(Mapping[str, Callable[..., object]]):
    """Stands for the Python functions that an app binds to its signals.

    Whatever name a policy asks for is there, so that it can be checked and drawn without the app;
    a request whose decision really needs such a signal is refused with its name.
    """

    def __getitem__(self, name: str) -> Callable[..., object]:
        def only_in_the_app(request: Request) -> object:
            del request
            raise EvaluationError(
                f"the function {name[:80]!r} lives in the app",
                mend="ask there: Conductor(...).decide(...)",
            )

        return only_in_the_app

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


APP_SIGNALS = AppSignals()


def load(path: str | Path) -> Policy:
    """Give the compiled policy of a file.

    Raises:
        PolicyError: the policy cannot be used as written; `.findings` holds every reason.
        ConductorError: the file cannot be read.
    """
    return policies.load(path, app_signals=APP_SIGNALS)
