"""Uses and checks the released weights: the folder `release` of the repository, a DVC remote."""
