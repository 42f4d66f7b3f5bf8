"""What the operators of CEL do to values; both evaluators stand on these functions.

A value is what JSON gives: bool, int (64 bits), float, str, None, list and dict. Every function
raises EvaluationError where CEL says error and never anything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import NoneType
from typing import Final, TypeAlias, cast

from conductor_mw.errors import EvaluationError
from conductor_mw.rules.limits import MAX_VALUE_DEPTH
from conductor_mw.rules.types import DOUBLE, DYN, Type, parse_type

Value: TypeAlias = object

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

_KINDS: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    NoneType: "null",
    list: "list",
    tuple: "list",
    dict: "map",
}
_ORDERED: Final = frozenset((int, str, float, bool))


def kind(value: Value) -> str:
    """Return the name of the type of `value`: `bool`, `int`, `double`, `string`, `null` ...

    Raises:
        EvaluationError: a condition cannot read such a value.
    """
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    for type_, name in ((int, "int"), (float, "double"), (str, "string"), (Mapping, "map")):
        if isinstance(value, type_):
            return name
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return "list"
    raise EvaluationError(f"a value of Python type {type(value).__name__} cannot be read")


def no_overload(operator: str, *values: Value) -> EvaluationError:
    """Return the error for an operator that does not take values of these types."""
    return EvaluationError(f"'{operator}' does not take {' and '.join(map(kind, values))}")


def int64(value: int) -> int:
    """Return `value` if it fits 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("an int overflows 64 bits")


def truth(value: Value) -> bool:
    """Return `value` if it is a bool."""
    if value is True or value is False:
        return value
    raise EvaluationError(f"a bool is needed, not {kind(value)}")


# --- equality and order -------------------------------------------------------------------------


def equal(left: Value, right: Value, depth: int = 0) -> bool:
    """Return whether two values are equal; values of unrelated types are not."""
    a, b = _KINDS.get(type(left)) or kind(left), _KINDS.get(type(right)) or kind(right)
    if a != b:
        if {a, b} == {"int", "double"}:
            return _float(left) == _float(right)
        return False
    if a not in ("list", "map"):
        return left == right
    if depth > MAX_VALUE_DEPTH:
        raise EvaluationError(f"a value is nested deeper than {MAX_VALUE_DEPTH} levels")
    if a == "list":
        first, second = cast("Sequence[Value]", left), cast("Sequence[Value]", right)
        # Python's own == of lists takes an object for equal to itself, also where it is NaN, and
        # True for equal to 1.
        return len(first) == len(second) and all(
            equal(x, y, depth + 1) for x, y in zip(first, second, strict=True)
        )
    return _equal_maps(
        cast("Mapping[Value, Value]", left), cast("Mapping[Value, Value]", right), depth
    )


def _equal_maps(left: Mapping[Value, Value], right: Mapping[Value, Value], depth: int) -> bool:
    if len(left) != len(right):
        return False
    for key, value in left.items():
        found = find(right, key)
        if found is _MISSING or not equal(value, found, depth + 1):
            return False
    return True


def less(left: Value, right: Value) -> bool:
    """Return whether `left < right`."""
    a, b = _ordered("<", left, right)
    return a < b


def less_equal(left: Value, right: Value) -> bool:
    """Return whether `left <= right`."""
    a, b = _ordered("<=", left, right)
    return a <= b


def greater(left: Value, right: Value) -> bool:
    """Return whether `left > right`."""
    a, b = _ordered(">", left, right)
    return a > b


def greater_equal(left: Value, right: Value) -> bool:
    """Return whether `left >= right`."""
    a, b = _ordered(">=", left, right)
    return a >= b


def _ordered(operator: str, left: Value, right: Value) -> tuple[float, float]:
    """Return the two as values that Python orders as CEL does."""
    if type(left) is type(right) and type(left) in _ORDERED:
        return cast("float", left), cast("float", right)
    a, b = kind(left), kind(right)
    if a == b and a in ("bool", "int", "double", "string"):
        return cast("float", left), cast("float", right)
    if {a, b} == {"int", "double"}:
        return _float(left), _float(right)
    raise no_overload(operator, left, right)


def _float(number: Value) -> float:
    """Return an int or double as a double; CEL compares numbers of two types so."""
    try:
        return float(cast("float", number))
    except OverflowError:
        raise EvaluationError("an int overflows 64 bits") from None


# --- arithmetic ---------------------------------------------------------------------------------


def negate(value: Value) -> Value:
    """Return `-value`."""
    if kind(value) == "int":
        return int64(-cast("int", value))
    if kind(value) == "double":
        return -cast("float", value)
    raise no_overload("-", value)


def negation(value: Value) -> bool:
    """Return `!value`."""
    if value is True or value is False:
        return not value
    raise no_overload("!", value)


def add(left: Value, right: Value) -> Value:
    """Return `left + right` of two ints, doubles, strings or lists."""
    a, b = kind(left), kind(right)
    if a == b:
        if a == "int":
            return int64(cast("int", left) + cast("int", right))
        if a == "double":
            return cast("float", left) + cast("float", right)
        if a == "string":
            return cast("str", left) + cast("str", right)
        if a == "list":
            return [*cast("Sequence[Value]", left), *cast("Sequence[Value]", right)]
    raise no_overload("+", left, right)


def subtract(left: Value, right: Value) -> Value:
    """Return `left - right`."""
    a, b = _numbers("-", left, right)
    return int64(a - b) if isinstance(a, int) and isinstance(b, int) else a - b


def multiply(left: Value, right: Value) -> Value:
    """Return `left * right`."""
    a, b = _numbers("*", left, right)
    return int64(a * b) if isinstance(a, int) and isinstance(b, int) else a * b


def divide(left: Value, right: Value) -> Value:
    """Return `left / right`; ints are cut towards zero."""
    a, b = _numbers("/", left, right)
    if isinstance(a, int) and isinstance(b, int):
        return divide_ints(a, b)
    return divide_doubles(a, b)


def divide_ints(left: int, right: int) -> int:
    """Return `left / right`, cut towards zero."""
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return int64(quotient if (left < 0) == (right < 0) else -quotient)


def divide_doubles(left: float, right: float) -> float:
    """Return `left / right`; by zero it is infinite or NaN, as IEEE 754 says."""
    if right != 0:
        return left / right
    if left == 0 or left != left:  # noqa: PLR0124
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder(left: Value, right: Value) -> int:
    """Return `left % right` of two ints, with the sign of `left`."""
    if kind(left) != "int" or kind(right) != "int":
        raise no_overload("%", left, right)
    a, b = cast("int", left), cast("int", right)
    if b == 0:
        raise EvaluationError("remainder of a division by zero")
    if a == INT_MIN and b == -1:
        # The quotient overflows, and CEL says that the remainder then fails as well.
        raise EvaluationError("an int overflows 64 bits")
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def _numbers(operator: str, left: Value, right: Value) -> tuple[float, float]:
    a, b = kind(left), kind(right)
    if a == b and a in ("int", "double"):
        return cast("float", left), cast("float", right)
    raise no_overload(operator, left, right)


# --- lists and maps -----------------------------------------------------------------------------

_MISSING: Final = object()


def find(mapping: Mapping[Value, Value], key: Value) -> Value:
    """Return the value under `key`, or a mark of its own that no value equals.

    Keys 1 and 1.0 are the same key; 1 and true are not, although Python thinks so.
    """
    of = kind(key)
    if of == "double":
        number = cast("float", key)
        if not number.is_integer():
            return _MISSING
        key = int(number)
    elif of not in ("bool", "int", "string"):
        return _MISSING
    if key not in mapping:
        return _MISSING
    if (of == "bool" or key in (0, 1)) and not any(
        stored == key and isinstance(stored, bool) == (of == "bool") for stored in mapping
    ):
        return _MISSING
    return mapping[key]


def index(container: Value, key: Value) -> Value:
    """Return `container[key]`."""
    of = kind(container)
    if of == "map":
        found = find(cast("Mapping[Value, Value]", container), key)
        if found is _MISSING:
            raise EvaluationError(f"no key {shown(key)}")
        return found
    if of != "list":
        raise no_overload("[]", container, key)
    position = key
    if kind(position) == "double" and cast("float", position).is_integer():
        position = int(cast("float", position))
    if kind(position) != "int":
        raise no_overload("[]", container, key)
    items = cast("Sequence[Value]", container)
    if not 0 <= cast("int", position) < len(items):
        raise EvaluationError(f"no item {shown(position)} in a list of {len(items)}")
    return items[cast("int", position)]


def select(container: Value, field: str) -> Value:
    """Return `container.field`."""
    if type(container) is dict and field in container:
        return cast("dict[Value, Value]", container)[field]
    if kind(container) != "map":
        raise EvaluationError(f"{kind(container)} has no field '{field}'")
    if field not in (fields := cast("Mapping[Value, Value]", container)):
        raise EvaluationError(f"no key '{field}'")
    return fields[field]


def has(container: Value, field: str) -> bool:
    """Return whether the map has `field`."""
    if kind(container) != "map":
        raise EvaluationError(f"{kind(container)} has no field '{field}'")
    return field in cast("Mapping[Value, Value]", container)


def contained(value: Value, container: Value) -> bool:
    """Return `value in container`."""
    of = kind(container)
    if of == "list":
        return any(equal(value, item) for item in cast("Sequence[Value]", container))
    if of == "map":
        return find(cast("Mapping[Value, Value]", container), value) is not _MISSING
    raise no_overload("in", value, container)


def make_map(keys: Iterable[Value], values: Iterable[Value]) -> dict[Value, Value]:
    """Return the map of a literal.

    Raises:
        EvaluationError: a key of a type that no map takes, or the same key twice.
    """
    made: dict[Value, Value] = {}
    kinds = set[str]()
    for key, value in zip(keys, values, strict=True):
        of = kind(key)
        if of not in ("bool", "int", "string"):
            raise EvaluationError(f"{of} cannot be the key of a map")
        kinds.add(of)
        if "bool" in kinds and "int" in kinds:
            raise EvaluationError("bool and int cannot both be keys of one map")
        if key in made:
            raise EvaluationError(f"the key {shown(key)} stands twice in a map")
        made[key] = value
    return made


def elements(container: Value) -> Sequence[Value]:
    """Return what a macro walks over: the items of a list, or the keys of a map."""
    if type(container) is list:
        return cast("list[Value]", container)
    of = kind(container)
    if of == "list":
        return cast("Sequence[Value]", container)
    if of == "map":
        return list(cast("Mapping[Value, Value]", container))
    raise EvaluationError(f"{of} cannot be walked over")


def size(value: Value) -> int:
    """Return the number of code points, items or keys."""
    if kind(value) not in ("string", "list", "map"):
        raise no_overload("size", value)
    return len(cast("Sequence[Value]", value))


# --- strings and conversions --------------------------------------------------------------------


def contains(text: Value, part: Value) -> bool:
    """Return whether `part` occurs in `text`."""
    a, b = _strings("contains", text, part)
    return b in a


def starts_with(text: Value, part: Value) -> bool:
    """Return whether `text` begins with `part`."""
    a, b = _strings("startsWith", text, part)
    return a.startswith(b)


def ends_with(text: Value, part: Value) -> bool:
    """Return whether `text` ends with `part`."""
    a, b = _strings("endsWith", text, part)
    return a.endswith(b)


def _strings(function: str, *values: Value) -> tuple[str, str]:
    if any(kind(value) != "string" for value in values):
        raise no_overload(function, *values)
    return cast("tuple[str, str]", values)


_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "false", "FALSE", "False"), False),
}
_DIGITS: Final = frozenset("0123456789")
_NUMBER: Final = _DIGITS | frozenset("+-.eE")
_LONGEST_NUMBER: Final = 400


def to_bool(value: Value) -> bool:
    """Return `bool(value)`."""
    of = kind(value)
    if of == "bool":
        return cast("bool", value)
    if of == "string" and value in _BOOLS:
        return _BOOLS[cast("str", value)]
    raise _no_conversion(value, "bool")


def to_int(value: Value) -> int:
    """Return `int(value)`; a double is cut towards zero."""
    of = kind(value)
    if of == "int":
        return cast("int", value)
    if of == "double":
        number = cast("float", value)
        # Both bounds are excluded, as the specification's own cases have it.
        if INT_MIN < number < -float(INT_MIN):
            return int(number)
    if of == "string":
        text = cast("str", value)
        digits = text[1:] if text[:1] in ("-", "+") else text
        if digits and len(digits) <= _LONGEST_NUMBER and _DIGITS.issuperset(digits):
            number = int(text)
            if INT_MIN <= number <= INT_MAX:
                return number
    raise _no_conversion(value, "int")


def to_double(value: Value) -> float:
    """Return `double(value)`."""
    of = kind(value)
    if of in ("double", "int"):
        return _float(value)
    if of == "string":
        text = cast("str", value)
        if 0 < len(text) <= _LONGEST_NUMBER and (
            _NUMBER.issuperset(text) or text.lower().lstrip("+-") in ("inf", "infinity", "nan")
        ):
            try:
                return float(text)
            except ValueError:
                pass
    raise _no_conversion(value, "double")


def to_string(value: Value) -> str:
    """Return `string(value)`."""
    of = kind(value)
    if of == "string":
        return cast("str", value)
    if of == "bool":
        return "true" if value else "false"
    if of == "int":
        return str(value)
    if of == "double":
        text = repr(value)
        return text.removesuffix(".0")
    raise _no_conversion(value, "string")


def _no_conversion(value: Value, wanted: str) -> EvaluationError:
    return EvaluationError(f"{shown(value)} cannot be made {wanted}")


def shown(value: Value) -> str:
    """Return a short form of a value for a message; never the content of a text."""
    of = kind(value)
    if of == "string":
        return f"a string of {len(cast('str', value))} characters"
    if of in ("list", "map"):
        return f"a {of} of {len(cast('Sequence[Value]', value))}"
    if of == "null":
        return "null"
    return to_string(value)


def conform(value: Value, wanted: str) -> Value:
    """Return `value` if it is of the type that `wanted` names; an int may serve as a double."""
    type_ = _parsed(wanted)
    if type_ == DOUBLE and kind(value) == "int":
        return _float(value)
    if not _is(value, type_, 0):
        raise EvaluationError(f"{type_} is needed, not {kind(value)}")
    return value


@lru_cache(maxsize=256)
def _parsed(text: str) -> Type:
    return parse_type(text)


def _is(value: Value, type_: Type, depth: int) -> bool:
    if type_ == DYN:
        return True
    if kind(value) != type_.kind:
        return False
    if depth > MAX_VALUE_DEPTH:
        raise EvaluationError(f"a value is nested deeper than {MAX_VALUE_DEPTH} levels")
    if type_.kind == "list":
        return all(_is(item, type_.of[0], depth + 1) for item in cast("Sequence[Value]", value))
    if type_.kind == "map":
        return all(
            _is(key, type_.of[0], depth + 1) and _is(item, type_.of[1], depth + 1)
            for key, item in cast("Mapping[Value, Value]", value).items()
        )
    return True


OPERATIONS: Final[dict[str, Callable[..., Value]]] = {
    "-_": negate,
    "!": negation,
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": less,
    "<=": less_equal,
    ">": greater,
    ">=": greater_equal,
    "in": contained,
    "[]": index,
    ".": select,
    "has": has,
    "size": size,
    "contains": contains,
    "startsWith": starts_with,
    "endsWith": ends_with,
    "bool": to_bool,
    "int": to_int,
    "double": to_double,
    "string": to_string,
    "dyn": lambda value: value,
    "as": conform,
}
"""Every strict operation by its name in the checked tree."""
