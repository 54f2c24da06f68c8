"""Compares two runs, from any git revisions or experiments, in one page. The only room that reads
files through DVC.
"""
