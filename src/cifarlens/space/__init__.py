"""The Gradio app, and what packages it with a model as a Hugging Face Space."""
