"""The demo that ships in a Space, verbatim."""
