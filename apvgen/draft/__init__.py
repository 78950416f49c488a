"""The draft: a fast CPU picture of the result, made by bending the reference photo."""

from apvgen.draft.renderer import DraftRenderer

__all__ = ["DraftRenderer"]
