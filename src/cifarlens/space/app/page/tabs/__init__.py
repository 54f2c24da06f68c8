"""Builds the tabs. Each module holds a tab's controls and computes its answers."""
