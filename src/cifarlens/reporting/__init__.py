"""Evaluation, figures, Grad-CAM galleries and the HTML report."""
