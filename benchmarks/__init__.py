"""Measurements of what users wait for; run by hand, no part of the tests."""
