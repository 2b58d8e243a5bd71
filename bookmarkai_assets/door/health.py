"""Whether the door is there, and whether it can work. Neither takes a token, and neither says more."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from bookmarkai_assets.door.doorway import Door
from bookmarkai_assets.door.problems import documented

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The answer of a healthy door."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> Health:
    """Answer."""
    return Health()


@router.get("/readyz", summary="Whether the catalog can be read", responses=documented(503))
def readyz(door: Door) -> Health:
    """Read one share."""
    door.catalog.shares.list(limit=1)
    return Health()
