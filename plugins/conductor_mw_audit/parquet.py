"""Write rows as Parquet, a block at a time, for tools that read columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

from conductor_mw import ConductorError

_BLOCK: Final = 10_000
_TYPES: Final = {"number": "int64", "time": "float64", "cost_nano": "int64", "seconds": "float64"}


def write_parquet(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to a file.

    What is no single value is written as JSON text, so that every file has the same columns.

    Args:
        path: the file.
        columns: the names of the columns, in their order.
        rows: what stands in them; what a row leaves out is null.

    Raises:
        ConductorError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        # By name: the package ships no types.
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConductorError(
            "Parquet files need the package pyarrow", mend="pip install 'conductor-mw[parquet]'"
        ) from error
    kinds = {"int64": arrow.int64(), "float64": arrow.float64()}
    fields = [(name, kinds.get(_TYPES.get(name, ""), arrow.string())) for name in columns]
    schema = arrow.schema(fields)
    try:
        with parquet.ParquetWriter(path, schema) as out:
            for block in _blocks(rows):
                cells = [{name: _cell(row.get(name), name) for name in columns} for row in block]
                out.write_table(arrow.Table.from_pylist(cells, schema=schema))
    except OSError as error:
        raise ConductorError(f"the file cannot be written: {error}", where=path) from error


def _blocks(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    waiting = iter(rows)
    while block := list(islice(waiting, _BLOCK)):
        yield block


def _cell(value: object, name: str) -> object:
    if value is None or name in _TYPES:
        return value
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
