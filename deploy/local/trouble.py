"""What goes wrong for a reason that the person at the terminal can act on."""


class Trouble(Exception):
    """Shown as its sentence, never as a traceback."""


class Misuse(Trouble):
    """The words of the command themselves are wrong: it cannot succeed at any other time either."""
