"""The old place of :mod:`bas_mm.utils.dense_crf`, for those who import it from here."""

from bas_mm.utils.dense_crf import *  # noqa: F403
