"""Builds, serves and pushes a Space."""
