"""The business: what is in stock, who has been promised what, and who was told. Knows neither HTTP nor Celery.

Its features form a stack, and each may use those below it: notifications, reservations, stock, catalog, accounts.
"""
