"""One table, written as Markdown, as CSV and on the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import rich.console
    import rich.table


@dataclass(frozen=True)
class Table:
    """Names of the `columns`, and `rows` of as many cells each; None is an empty cell."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    @classmethod
    def of(cls, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> Table:
        """Rows by name; a name that a row lacks is an empty cell, one that is no column is left out."""
        names = list(columns)
        return cls(names, [[row.get(name, "") for name in names] for row in rows])

    def markdown(self) -> list[str]:
        """Lines of GitHub Markdown, numbers to the right; bars and line breaks in cells do not end them."""
        rule = ["---", *["---:"] * (len(self.columns) - 1)]
        return ["| " + " | ".join(map(_escaped, cells)) + " |" for cells in (self.columns, rule, *self.rows)]

    def csv(self, header: bool = True) -> str:
        """Text separated by commas, one line per row."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([self.columns, *self.rows] if header else self.rows)
        return stream.getvalue()

    def rich(self, title: str | None = None) -> rich.table.Table:
        """For a rich console, numbers to the right; brackets in cells are text, not markup."""
        from rich.table import Table as RichTable
        from rich.text import Text

        made = RichTable(title=title)
        for i, name in enumerate(self.columns):
            made.add_column(Text(name), justify="right" if i else "left")
        for cells in self.rows:
            made.add_row(*(Text(_text(cell)) for cell in cells))
        return made


def console() -> rich.console.Console:
    """The terminal at its own width; 170 columns where the output goes into a file."""
    from rich.console import Console

    return Console(width=None if Console().is_terminal else 170, highlight=False)


def percent(share: float | None, missing: str = "") -> str:
    """A share in [0, 1] as per cent with one decimal."""
    return missing if share is None else f"{100 * share:.1f}"


def percent_interval(bounds: Sequence[float] | None, missing: str = "") -> str:
    """Two shares as "31.2 to 40.5" per cent."""
    return missing if bounds is None else f"{percent(bounds[0])} to {percent(bounds[1])}"


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _escaped(cell: object) -> str:
    return " ".join(_text(cell).split("\n")).replace("|", "\\|")
