"""How frames, samples and tokens go together: the same for codes and for the transform codec."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Grid"]


@dataclass(frozen=True, repr=False)
class Grid:
    """The time line of a model.

    Attributes
    ----------
    samplerate : int
        Rate at which the model works, in Hz.
    hop : int
        Samples (at `samplerate`) per token; a transform codec has frames in place of tokens.
    delay : int
        Samples by which the decoder's output comes after the encoder's input.
    """

    samplerate: int
    hop: int
    delay: int

    @property
    def token_rate(self) -> float:
        """Tokens per second."""
        return self.samplerate / self.hop

    def tokens_for(self, frames: int, samplerate: int) -> int:
        """Tokens that carry `frames` frames at `samplerate` Hz, the decoder's delay included."""
        return -(-(self.samples_for(frames, samplerate) + self.delay) // self.hop)

    def samples_for(self, frames: int, samplerate: int) -> int:
        """Samples at the model's rate that `frames` frames at `samplerate` Hz become."""
        return -(-frames * self.samplerate // samplerate)

    def frames_in(self, tokens: int, samplerate: int) -> int:
        """Frames at `samplerate` Hz that can be decoded from the first `tokens` tokens."""
        return max(0, tokens * self.hop - self.delay) * samplerate // self.samplerate
