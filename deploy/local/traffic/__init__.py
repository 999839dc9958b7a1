"""A small shop that is played against a running Holdfast until it is stopped.

Customers look around, hold what they like, and then confirm it, cancel it or walk away; some come too late, some make
mistakes. The staff ships what was confirmed and receives what runs low, so that the shop never sells out for good. All of it
goes over HTTP, to any address: nothing here knows where the stack lies, or that it is a local one.
"""
