"""What becomes of everybody when something happens in the middle of it.

A scene is an API under load for half a minute, something that is done to it, and a look at the stock afterwards: whatever happened,
each counter must be explained, nothing sold twice, and no order lost that was acknowledged. `programme.py` has the list.
"""
