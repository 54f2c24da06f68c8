"""Runs learning-rate range tests and reads learning rates off their curve."""
