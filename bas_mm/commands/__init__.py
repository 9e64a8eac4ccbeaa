"""The commands of ``python -m bas_mm``: one module each, with ``SUMMARY``, ``add_arguments`` and
``run``. Importing one costs nothing; what takes time is imported when the command runs."""
