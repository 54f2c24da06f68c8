"""Holds the Gradio app, and the code that packages it with a model as a Hugging Face Space."""
