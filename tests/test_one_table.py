"""One table in three forms: nothing that stands in a cell breaks it."""

import csv
import io

from rich.console import Console

from microgesture.tables import Table, percent, percent_interval

CELLS = Table(
    ("name", "n", "note"), [["a|b", 3, None], ["two\nlines", 0.5, "[bold]x[/bold]"], ['"quoted", yes', 1, ""]]
)


def test_markdown_has_as_many_bars_in_every_line():
    lines = CELLS.markdown()
    assert lines[:3] == ["| name | n | note |", "| --- | ---: | ---: |", r"| a\|b | 3 |  |"]
    assert lines[3] == "| two lines | 0.5 | [bold]x[/bold] |"
    assert {line.replace(r"\|", "").count("|") for line in lines} == {4}


def test_csv_reads_back():
    assert list(csv.reader(io.StringIO(CELLS.csv()))) == [
        ["name", "n", "note"],
        ["a|b", "3", ""],
        ["two\nlines", "0.5", "[bold]x[/bold]"],
        ['"quoted", yes', "1", ""],
    ]
    assert not CELLS.csv(header=False).startswith("name")


def test_the_terminal_shows_cells_as_they_are():
    terminal = Console(width=80, file=io.StringIO(), record=True)
    terminal.print(CELLS.rich("Title"))
    text = terminal.export_text()
    assert "Title" in text
    assert "[bold]x[/bold]" in text


def test_rows_by_name():
    table = Table.of(("a", "b"), [{"b": 1, "c": 2}, {"a": None}])
    assert table.rows == [["", 1], [None, ""]]


def test_shares():
    assert (percent(0.1234), percent(None), percent(None, "-")) == ("12.3", "", "-")
    assert (percent_interval((0.1, 0.456)), percent_interval(None, "one subject")) == ("10.0 to 45.6", "one subject")
