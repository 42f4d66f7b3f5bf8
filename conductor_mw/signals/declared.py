"""Signals that a policy declares: from metadata, an expression, a Python function, or paid ones.

A function gets the whole `Request`, or, where its first parameter is annotated with `str`, the text
of the last user message. It is called when a rule that reads the signal is reached, at most once
per request, and must answer at once: an async function is refused. What it raises reaches the
caller as it was raised; where a rule's `on_error` is to decide, raise `EvaluationError`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

from conductor_mw.errors import ConditionError, EvaluationError, nearest
from conductor_mw.rules.types import DYN, STRING, Type, parse_type

from .paid import KINDS, unasked
from .reading import chains, in_order
from .registry import Facts, Signal
from .shapes import MISSING, fitting, of_type, shown

SOURCES: Final = ("from", "expr", "function", "ask", "worker")
CONTENT: Final = ("input.text", "input.transcript")
"""The built-in signals that hold text of the user."""
Evaluate = Callable[[Facts], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One entry of a policy's `signals:`, as it was written.

    Attributes:
        source: the path behind `from:`, or None.
        expr: the expression behind `expr:`, or None.
        function: the name behind `function:`, or None.
        ask: the agent or flow behind `ask:`, or None.
        worker: what stands behind `worker:`, or None.
        type: the type as written, or None.
        one_of: the only values it may have, or None.
        default: its value where metadata has none, or where nobody who was asked gave one;
            `MISSING` where the policy gives none.
        doc: one sentence for people.
    """

    source: str | None = None
    expr: str | None = None
    function: str | None = None
    ask: str | None = None
    worker: object = None
    type: str | None = None
    one_of: Sequence[object] | None = None
    default: object = MISSING
    doc: str = ""

    @property
    def paid(self) -> bool:
        """Whether somebody must be asked for it."""
        return self.ask is not None or self.worker is not None


class Compile(Protocol):
    """How the policy compiles the expression of a signal."""

    def __call__(
        self, name: str, text: str, wanted: Type | None, known: Mapping[str, Type], /
    ) -> tuple[Type, Evaluate] | None:
        """Give the expression's type and what evaluates it, or None with the fault told.

        Args:
            name: the signal's name.
            text: the expression.
            wanted: the declared type, or None.
            known: the declared signals that it may read, with their types.
        """
        ...


class Refuse(Protocol):
    """How the policy takes what is wrong with an entry."""

    def __call__(self, name: str, key: str, problem: str, mend: str, /) -> None:
        """Take one fault; `key` is the key inside the entry, or '' for the entry itself."""
        ...


def declare(
    entries: Mapping[str, Declaration],
    *,
    functions: Mapping[str, Callable[..., object]],
    taken: Collection[str],
    compile_expression: Compile,
    refuse: Refuse,
    content: Collection[str] = CONTENT,
) -> dict[str, Signal]:
    """Return the signals that a policy declares; what is wrong goes to `refuse`.

    Expressions may read each other in any order, but not in a circle.

    Args:
        entries: the policy's entries by name.
        functions: the Python functions that the app bound, by name.
        taken: names, and first words of names, that built-in signals have.
        compile_expression: compiles an `expr:`.
        refuse: takes every fault.
        content: other signals that hold text of the user.
    """
    signals: dict[str, Signal] = {}
    expressions: dict[str, tuple[Declaration, Type | None]] = {}
    for name, entry in entries.items():
        told = _Told(name, refuse)
        type_ = _checked(entry, taken, told)
        if told.faults:
            continue
        if entry.expr is not None:
            expressions[name] = (entry, type_)
        elif entry.source is not None:
            _add(signals, _from_metadata(name, entry, type_ or STRING, told))
        elif entry.paid:
            signals[name] = unasked(name, type_ or STRING, entry.doc)
        else:
            _add(signals, _from_function(name, entry, type_ or STRING, functions, told))
    known = {name: signals[name].type if name in signals else DYN for name in entries}
    holding = {*content, *(name for name, signal in signals.items() if signal.content)}
    texts = {name: entry.expr or "" for name, (entry, _) in expressions.items()}
    order, circle = in_order(texts)
    for name in circle:
        listed = ", ".join(circle[:8]) + (", ..." if len(circle) > 8 else "")
        refuse(name, "expr", f"is in a circle: {listed}", "let one of them read no other")
    for name in order:
        entry, wanted = expressions[name]
        compiled = compile_expression(name, texts[name], wanted, known)
        if compiled is None:
            continue
        signal = from_expression(
            name,
            *compiled,
            one_of=entry.one_of,
            content=not holding.isdisjoint(chains(texts[name])),
            doc=entry.doc,
        )
        signals[name] = signal
        known[name] = signal.type
        if signal.content:
            holding.add(name)
    return signals


def from_metadata(
    name: str,
    path: Sequence[str],
    type_: Type,
    *,
    one_of: Sequence[object] | None = None,
    default: object = MISSING,
    doc: str = "",
) -> Signal:
    """Return a signal that reads what the app says about a request.

    A null counts as missing, as apps pass what they do not know. Reading it raises
    `EvaluationError` where it is missing without a default, has another type, or is not allowed.
    """
    first, *rest = path
    where = f"signal '{name}': metadata.{'.'.join(path)}"
    allowed = None if one_of is None else tuple(one_of)
    plain = str if type_ == STRING and not rest else None

    def read(facts: Facts) -> object:
        value: object = facts.request.metadata.get(first)
        if type(value) is plain and (allowed is None or value in allowed):
            return value
        for key in rest:
            value = cast("Mapping[str, object]", value).get(key) if _is_map(value) else None
        if value is None:
            if default is not MISSING:
                return default
            raise EvaluationError(
                f"{where} is missing",
                mend=f"pass metadata={_example(path)} or declare a default",
            )
        return _allowed(
            fitting(value, type_), type_, allowed, where=where, told=f"is {shown(value)}"
        )

    return Signal(name, type_, read, eager=True, doc=doc)


def from_expression(
    name: str,
    type_: Type,
    evaluate: Evaluate,
    *,
    one_of: Sequence[object] | None = None,
    content: bool = False,
    doc: str = "",
) -> Signal:
    """Return a signal that an expression over other signals gives.

    Args:
        name: the signal's name.
        type_: the expression's type.
        evaluate: evaluates it.
        one_of: the only values it may have, or None.
        content: whether it reads the user's text; then its own texts count as content too.
        doc: one sentence for people.
    """
    # A yes or a number tells nothing of the text it was made from; a text may repeat it.
    holds = content and one_of is None and type_.kind not in ("bool", "int", "double", "null")
    if one_of is None:
        return Signal(name, type_, evaluate, content=holds, doc=doc)
    allowed = tuple(one_of)
    where = f"signal '{name}': its expression"

    def read(facts: Facts) -> object:
        value = evaluate(facts)
        return _allowed(value, type_, allowed, where=where, told=f"gave {of_type(value)}")

    return Signal(name, type_, read, content=holds, doc=doc)


def from_function(
    name: str,
    function: Callable[..., object],
    type_: Type,
    *,
    one_of: Sequence[object] | None = None,
    doc: str = "",
) -> Signal:
    """Return a signal that a Python function of the app gives.

    Texts it gives count as the user's content unless `one_of` says what they may be.
    """
    where = f"signal '{name}': its function"
    allowed = None if one_of is None else tuple(one_of)
    wants_text = _wants_text(function)

    def read(facts: Facts) -> object:
        value = function(facts["input.text"] if wants_text else facts.request)
        if inspect.iscoroutine(value):
            value.close()
        return _allowed(
            fitting(value, type_), type_, allowed, where=where, told=f"gave {of_type(value)}"
        )

    holds = one_of is None and type_.kind not in ("bool", "int", "double", "null")
    return Signal(name, type_, read, content=holds, doc=doc)


class _Told:
    """Passes faults of one entry on, and remembers that there were some."""

    def __init__(self, name: str, refuse: Refuse) -> None:
        self.name = name
        self.faults = 0
        self._refuse = refuse

    def __call__(self, key: str, problem: str, mend: str = "") -> None:
        self.faults += 1
        self._refuse(self.name, key, problem, mend)


def _checked(entry: Declaration, taken: Collection[str], told: _Told) -> Type | None:
    if told.name in taken:
        told("", f"'{told.name}' is a built-in name", "choose another name")
    sources = (entry.source, entry.expr, entry.function, entry.ask, entry.worker)
    given = [key for key, value in zip(SOURCES, sources, strict=True) if value is not None]
    if not given:
        mend = "write from:, expr:, function:, ask: or worker:"
        told("", "says not where the signal comes from", mend)
    elif len(given) > 1:
        told(given[1], f"stands beside {given[0]}", "a signal has one source: keep one of them")
    type_: Type | None = None
    if entry.type is not None:
        try:
            type_ = parse_type(entry.type)
        except ConditionError as error:
            told("type", error.problem, error.mend)
            return None
    if entry.default is not MISSING and entry.source is None and not entry.paid:
        told("default", "is only for signals from metadata and for paid ones", "remove it")
    if entry.paid:
        _check_paid(entry, type_ or STRING, told)
    if entry.expr is None:
        _check_values(entry, type_ or STRING, told)
    return type_


def _check_paid(entry: Declaration, type_: Type, told: _Told) -> None:
    if type_.kind not in KINDS:
        told("type", f"a paid signal cannot be {type_}", f"write one of: {', '.join(KINDS)}")
    elif type_ == STRING and entry.one_of is None:
        told("", "does not say what may be answered", "write one_of: [billing, tech]")
    alike = [str(one).casefold() for one in entry.one_of or ()]
    if len(set(alike)) < len(alike):
        told("one_of", "two values are told apart by capital letters only", "rename one of them")


def _check_values(entry: Declaration, type_: Type, told: _Told) -> None:
    for position, value in enumerate(entry.one_of or ()):
        if fitting(value, type_) is MISSING:
            told("one_of", f"value {position + 1} is {shown(value)}, not {type_}", "")
            return
    default = entry.default
    if default is MISSING:
        return
    if fitting(default, type_) is MISSING:
        told("default", f"is {shown(default)}, not {type_}", "")
    elif entry.one_of is not None and default not in entry.one_of:
        told(
            "default",
            f"is {shown(default)}, not one of {_listed(entry.one_of)}",
            "add it to one_of or choose one of them",
        )


def _from_metadata(name: str, entry: Declaration, type_: Type, told: _Told) -> Signal | None:
    root, *path = (entry.source or "").split(".")
    if root != "metadata" or not path or not all(path):
        told("from", f"'{(entry.source or '')[:80]}' is no source", "write metadata.<key>")
        return None
    default = entry.default if entry.default is MISSING else fitting(entry.default, type_)
    return from_metadata(name, path, type_, one_of=entry.one_of, default=default, doc=entry.doc)


def _from_function(
    name: str,
    entry: Declaration,
    type_: Type,
    functions: Mapping[str, Callable[..., object]],
    told: _Told,
) -> Signal | None:
    wanted = entry.function or ""
    function = functions.get(wanted)
    if function is None:
        told(
            "function",
            f"no function '{wanted[:80]}' is bound",
            f"pass Conductor(..., signals={{'{wanted[:80]}': function}})"
            + (f"; {nearest(wanted, functions)}" if functions else ""),
        )
        return None
    if inspect.iscoroutinefunction(function):
        told("function", f"'{wanted[:80]}' is async", "signals are read at once: bind a plain one")
        return None
    return from_function(name, function, type_, one_of=entry.one_of, doc=entry.doc)


def _add(signals: dict[str, Signal], signal: Signal | None) -> None:
    if signal is not None:
        signals[signal.name] = signal


def _allowed(
    value: object, type_: Type, allowed: tuple[object, ...] | None, *, where: str, told: str
) -> object:
    if value is MISSING:
        raise EvaluationError(f"{where} {told}, not {type_}")
    if allowed is not None and value not in allowed:
        raise EvaluationError(
            f"{where} {told}, not one of {_listed(allowed)}",
            mend="add the value to one_of, or correct where it comes from",
        )
    return value


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(shown, values[:12])) + (", ..." if len(values) > 12 else "")


def _example(path: Sequence[str]) -> str:
    return "".join(f"{{'{key}': " for key in path) + "..." + "}" * len(path)


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _wants_text(function: Callable[..., object]) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C tell nothing of themselves
        return False
    return bool(parameters) and parameters[0].annotation in (str, "str")
