"""The report of a run: one self-contained page with its curve, its scores and pictures of what it does."""

from recurra_lab.reports.page import write_curve as write_curve
from recurra_lab.reports.page import write_report as write_report
from recurra_lab.reports.sections import ReportSection as ReportSection
