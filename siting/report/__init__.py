"""The report of a plan: one self-contained page, printable, Chinese first."""

from siting.report.page import write_report

__all__ = ["write_report"]
