"""A report of test runs as one self-contained HTML page."""

from .page import check_pictures, check_runs, report_page
from .selection import IOU_BINS, choose_pictures, iou_histograms
from .structures import MAX_RUNS, PicturePanel, ReportPicture, ReportRun

__all__ = [
    'IOU_BINS',
    'MAX_RUNS',
    'PicturePanel',
    'ReportPicture',
    'ReportRun',
    'check_pictures',
    'check_runs',
    'choose_pictures',
    'iou_histograms',
    'report_page',
]
