"""The one kind of failure that is the user's to mend."""


class UserError(Exception):
    """A mistake in what the user gave: parameters, files, environment or network.

    The message is one sentence for the user: it names the value, what is allowed and what to do.
    """
