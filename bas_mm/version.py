"""Version of bas_mm. ``setup.py`` reads this file as text; keep it free of imports."""

__version__ = '0.1.0'
