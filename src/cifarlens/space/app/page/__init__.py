"""The page of the demo, built with Gradio."""
