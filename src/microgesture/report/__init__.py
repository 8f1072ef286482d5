"""The report of one analysed video: a single HTML file that opens from disk without network."""

from microgesture.report.html import write_report

__all__ = ["write_report"]
