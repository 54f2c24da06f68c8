"""The report: one page, a section a module."""
