"""What Charloom's servers share: running an app, and keeping foreign pages out."""

from .web import OnlyFromHere, run

__all__ = ["OnlyFromHere", "run"]
