"""How an account can refuse."""

from services.inventory.accounts.model import PASSWORD_LENGTH_MIN
from services.runtime.errors import Conflict, Forbidden, Invalid, NotFound, Overloaded, Unauthenticated


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


class WeakPassword(Invalid):
    def __init__(self, member: str) -> None:
        fault = f"must have {PASSWORD_LENGTH_MIN} characters at least, and not be one that everybody tries first"
        super().__init__("the password is too easy to guess", [{"pointer": f"/{member}", "detail": fault}])


class WrongPassword(Invalid):
    def __init__(self) -> None:
        super().__init__("the request is not valid", [{"pointer": "/current_password", "detail": "is not your password"}])


class TokenInvalid(Invalid):
    code = "token_invalid"
    title = "The link is not good any more"

    def __init__(self) -> None:
        super().__init__("the token is unknown, was used, or is over; ask for a new mail")


class AccountNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("there is no such account")


class SessionNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("you have no such session")


class LastAdmin(Conflict):
    code = "last_admin"
    title = "Nobody would be left"

    def __init__(self) -> None:
        super().__init__("this is the last admin that can sign in; make another one first")
