"""Who may act.

An account has one role, a role has permissions, and every route names the permission that it needs. Signing in costs one
deliberate hash of the password and gives a short-lived token; whoever carries the token is the account.
"""
