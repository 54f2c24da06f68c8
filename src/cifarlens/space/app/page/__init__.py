"""The demo's page, built with Gradio."""
