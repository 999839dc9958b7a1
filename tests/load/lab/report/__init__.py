"""The page that a run ends with, made from its `Report` alone.

One file of HTML without scripts that asks nobody for anything, so that it can be mailed, kept and read offline. Python works out
where each thing stands; the template draws it, and escapes whatever a name may hold.
"""
