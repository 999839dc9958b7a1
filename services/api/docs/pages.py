"""Serves the page and its files."""

from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse

from services.api import limits
from services.api.dependencies import OPEN_TO_ALL

router = APIRouter(dependencies=[OPEN_TO_ALL], include_in_schema=False)

ASSETS = Path(__file__).parent / "assets"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_A_DAY = "public, max-age=86400"


@router.get("/docs")
@limits.network
async def docs() -> FileResponse:
    return FileResponse(ASSETS / "docs.html", headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/assets/{name}")
@limits.network
async def asset(name: Literal["swagger-ui.css", "swagger-ui-bundle.js", "start.js"]) -> FileResponse:
    return FileResponse(ASSETS / name, headers={"Cache-Control": _A_DAY})
