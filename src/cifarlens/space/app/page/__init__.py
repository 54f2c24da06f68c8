"""Builds the demo's page with Gradio."""
