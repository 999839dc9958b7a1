"""How an account can refuse."""

from services.runtime.errors import Conflict, Forbidden, Overloaded, Unauthenticated


class NotSignedIn(Unauthenticated):
    """One answer for every reason, so that nobody learns which addresses exist."""

    code = "unauthenticated"
    title = "Not signed in"

    def __init__(self) -> None:
        super().__init__("the credentials are missing, wrong or no longer valid; sign in at /v1/auth/token")


class PermissionMissing(Forbidden):
    code = "forbidden"
    title = "Not allowed"

    def __init__(self, permission: str) -> None:
        super().__init__(f"this needs the permission {permission}, which your role does not have")


class EmailTaken(Conflict):
    code = "email_taken"
    title = "Address is in use"

    def __init__(self) -> None:
        super().__init__("an account with this e-mail address exists already")


class TooManySignIns(Overloaded):
    def __init__(self) -> None:
        super().__init__("too many passwords are being checked at this moment; try again in a second")
