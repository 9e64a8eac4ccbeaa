"""Which errors of a run are its input's, and what to say of them.

Each kind of cause has a module of recognisers: functions of an error, the run's config and the
entries of the error's traceback, which say what is wrong, or return None. ``description`` has their
order.
"""

from .description import describe_input_error

__all__ = ['describe_input_error']
