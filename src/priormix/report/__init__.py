"""Figures and the HTML page, drawn from result tables alone."""

from priormix.report.page import write_report

__all__ = ["write_report"]
