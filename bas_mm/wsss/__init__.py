"""Weakly supervised segmentation: the steps from localization maps to masks.

Nothing is imported here: worker processes of the evaluation need no torch, and start at once
without it.
"""
