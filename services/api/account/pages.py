"""Serves the pages and their files. The token stays behind the # of the address, so no server ever sees it before the click."""

from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

from services.api import limits
from services.api.dependencies import OPEN_TO_ALL

router = APIRouter(prefix="/account", dependencies=[OPEN_TO_ALL], include_in_schema=False)

_ASSETS = Path(__file__).parent / "assets"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/{page}")
@limits.network
async def show(page: Literal["verify-email", "reset-password", "forgot-password"]) -> FileResponse:
    return FileResponse(_ASSETS / f"{page}.html", headers={"Content-Security-Policy": _POLICY})


@router.get("/assets/{name}")
@limits.network
async def asset(name: Literal["account.css", "account.js"]) -> FileResponse:
    return FileResponse(_ASSETS / name)
