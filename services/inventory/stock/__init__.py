"""How much there is.

A stock item is a product in a warehouse. Its identity lies in a cold row that others refer to, its counters and their limits
in a hot row that nothing refers to. Counters decide, under a constraint that no code can get around; the ledger explains: every
physical move is a row in it, and rows are only ever added.
"""
