"""The demo. It ships unchanged in every Space."""
