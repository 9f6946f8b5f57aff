"""Which entropy coder a model's codes go through.

This module knows models and coders. It knows nothing of blocks or files.
"""

from __future__ import annotations

from ..entropy import coders
from ..entropy.transformer_coder import LMCoder
from ..model.models import Model
from ..model.networks import LanguageModel

__all__ = ["best_coder", "lm_coder"]


def best_coder(model: Model, codebooks: int) -> coders.Coder:
    """The entropy coder that takes the fewest bits."""
    if model.lm is None or codebooks > model.lm.codebooks:
        return coders.StaticCoder(model.static_table())
    return lm_coder(model, model.lm)


def lm_coder(model: Model, lm: LanguageModel) -> LMCoder:
    return LMCoder(lm.hash, lm.codebooks, model.codebook_size, lm.open)
