"""Runs a stage: its lock, signals, devices, processes, paths, files and errors."""
