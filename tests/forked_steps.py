"""Imported, it has the steps of a pipeline be forks of the process that runs it."""

import forked_python

from bas_mm.wsss.pipeline import runner

runner.subprocess = forked_python.instead_of_subprocess
