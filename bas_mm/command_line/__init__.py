"""What the command-line tools share.

Imports of torch and mmengine are inside the functions that need them: a mistyped path is answered
at once, before some seconds of imports.
"""

from .configs import load_config
from .devices import close_process_group, prepare_devices
from .ends import fail_on, fail_on_input_errors, run_command
from .evaluators import require_distinct_figures, warn_of_two_thresholds
from .messages import fail, warn
from .options import enable_amp, enable_ten_crop, set_cpu_amp
from .parsers import CommandParser, OneLineParser
from .paths import hold_folder, require_file, require_writable

__all__ = [
    'CommandParser',
    'OneLineParser',
    'close_process_group',
    'enable_amp',
    'enable_ten_crop',
    'fail',
    'fail_on',
    'fail_on_input_errors',
    'hold_folder',
    'load_config',
    'prepare_devices',
    'require_distinct_figures',
    'require_file',
    'require_writable',
    'run_command',
    'set_cpu_amp',
    'warn',
    'warn_of_two_thresholds',
]
