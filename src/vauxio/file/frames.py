"""Frames of a ``.vx`` file, from any position.

This module joins `block_reader` to `codec`. It knows when decoding can continue and when it must
start again, and keeps the last piece decoded. It knows nothing of paths or sample types.
"""

from __future__ import annotations

import numpy as np

from ..codec.concealment import ConcealingDecoder
from ..codec.signal import SignalDecoder
from ..codec.tokens import CHUNK
from ..errors import VauxError
from .block_reader import TokenReader

__all__ = ["FrameReader", "Pieces"]


class Pieces:
    """Frames by number out of pieces that a decoder gives in order; readers of frames build on it.

    Parameters
    ----------
    reader : TokenReader

    Attributes
    ----------
    failed : Exception or None
        What a pipe cannot be read on after.
    """

    def __init__(self, reader: TokenReader) -> None:
        self._reader = reader
        self._ended = False
        self.failed: Exception | None = None
        self._piece = np.empty((0, reader.header.channels), np.float32)
        self._piece_at = 0

    def take(self, position: int, count: int) -> np.ndarray:
        """Frames from `position` on, ``float32[n, channels]``.

        n is at least 1 and at most `count`, or 0 at the end. From a pipe, `position` must lie in
        the last piece or after it.

        Raises
        ------
        FormatError
            If the file is damaged there.
        ModelError
            If its model is not installed.
        """
        if self.failed:
            raise self.failed.with_traceback(None)
        try:
            if self._must_restart(position):
                self._restart(position)
            while position >= self._piece_at + len(self._piece) and not self._ended:
                self._decode(position + count)
        except BaseException as e:  # what was decoded is no longer where it belongs
            self._forget()
            if not self._reader.seekable:
                interrupted = VauxError("reading was interrupted, and this pipe cannot be read on")
                self.failed = e if isinstance(e, Exception) else interrupted
            raise
        at = position - self._piece_at
        return self._piece[at : at + count]

    def _must_restart(self, position: int) -> bool:
        raise NotImplementedError

    def _restart(self, position: int) -> None:
        """Begin with that frame."""
        raise NotImplementedError

    def _decode(self, end: int) -> None:
        """Decode the next piece; frames up to `end` are wanted."""
        raise NotImplementedError

    def _forget(self) -> None:
        """What was decoded, so that the next frames make it restart."""
        raise NotImplementedError


class FrameReader(Pieces):
    """Decoded frames by number: at random in a seekable file, in order from a pipe.

    Parameters
    ----------
    tokens : TokenReader
    conceal : bool, optional
        Whether tokens may be lost.
    """

    def __init__(self, tokens: TokenReader, conceal: bool = False) -> None:
        super().__init__(tokens)
        self._tokens, self._conceal = tokens, conceal
        self._decoder: SignalDecoder | None = None
        self._next_token = 0

    def _must_restart(self, position: int) -> bool:
        decoder = self._decoder
        if decoder is None:
            return True
        if not self._tokens.seekable or self._piece_at <= position < decoder.position:
            return False
        # Decoding on costs less than a restart, which decodes the receptive field first.
        header, model = self._tokens.header, self._tokens.model
        warm_up = model.decoder.receptive_field * model.hop * header.samplerate // model.samplerate
        return not decoder.position <= position <= decoder.position + warm_up

    def _restart(self, position: int) -> None:
        header, model = self._tokens.header, self._tokens.model
        coded = self._tokens.stereo.coded(header.channels)
        self._decoder = decoder = SignalDecoder(
            model,
            header.samplerate,
            header.channels,
            start=position if self._tokens.seekable else 0,
            tokens=ConcealingDecoder(model, len(coded)) if self._conceal else None,
            bands=self._tokens.bands,
            stereo=self._tokens.stereo,
        )
        self._next_token = decoder.first_token
        self._piece, self._piece_at = self._piece[:0], decoder.position
        self._ended = False

    def _forget(self) -> None:
        self._decoder = None

    def _decode(self, end: int) -> None:
        assert self._decoder is not None
        wanted = self._tokens.model.tokens_for(end, self._tokens.header.samplerate)
        codes = self._tokens.get(self._next_token, CHUNK, wanted - self._next_token)
        self._decoder.frames = self._tokens.frames  # from a pipe, known when the end is in sight
        self._piece_at = self._decoder.position
        if codes.shape[2]:
            levels = self._tokens.levels(self._next_token, codes.shape[2])
            values = self._tokens.values(self._next_token, codes.shape[2])
            self._next_token += codes.shape[2]
            self._piece = self._decoder.push(codes, levels, values)
        else:
            self._ended = True
            self._piece = self._decoder.finish()
