"""What a person at the terminal must read and act on."""


class CannotStartError(Exception):
    """The message is whole sentences: what happened, which value, what to do next."""
