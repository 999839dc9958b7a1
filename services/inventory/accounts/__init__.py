"""Who may act.

Whoever reads a mailbox can open an account for its address. An account has one role, a role has permissions, and every route names the
permission that it needs. Signing in costs one deliberate hash of the password and opens a session: a token for minutes, and one to go
on with that is used once. What ends a session, shuts an account or changes its role counts everywhere within a second, and a trail that
nobody can rewrite tells who did it. Nobody learns from us which addresses have an account.
"""
