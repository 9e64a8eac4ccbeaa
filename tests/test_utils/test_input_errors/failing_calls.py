"""What is said of calls that fail."""

import pytest

from bas_mm.utils.input_errors import describe_input_error


def said_of(function, *args, cfg=None, **kwargs):
    """What is said of the error of a call, without a run around it."""
    with pytest.raises(Exception) as caught:
        function(*args, **kwargs)
    return describe_input_error(caught.value, cfg or {})
