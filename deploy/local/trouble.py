"""What goes wrong for a reason that the person at the terminal can act on."""


class Trouble(Exception):
    """Shown as its sentence, never as a traceback."""
