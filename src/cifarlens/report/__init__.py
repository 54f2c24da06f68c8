"""Builds the report: one HTML page, with one module per section."""
