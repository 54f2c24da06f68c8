"""Measures training on a GPU: each file is a program that prints a line of JSON."""
