"""The report of a run: one self-contained HTML page with learning curve, scores and an example sequence."""

from recurra_lab.reports.page import write_curve as write_curve
from recurra_lab.reports.page import write_report as write_report
from recurra_lab.reports.sections import ReportSection as ReportSection
