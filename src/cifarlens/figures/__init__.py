"""Every matplotlib figure, in one style."""
