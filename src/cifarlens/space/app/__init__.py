"""Provides the demo, whose code every Space contains unchanged."""
