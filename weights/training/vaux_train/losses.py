"""What the generator is asked for: spectra at many resolutions, and a little waveform."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bands import erb_filters


def mel_filters(samplerate: int, window: int, bands: int) -> Tensor:
    """Triangular filters on the mel scale 2595·log10(1 + f/700), ``[bins, bands]``, peaks of 1."""
    mel = torch.linspace(
        0, 2595 * torch.log10(torch.tensor(1 + samplerate / 2 / 700)).item(), bands + 2
    )
    hz = 700 * (10 ** (mel / 2595) - 1)
    f = torch.linspace(0, samplerate / 2, window // 2 + 1)[:, None]
    rise = (f - hz[:-2]) / (hz[1:-1] - hz[:-2])
    fall = (hz[2:] - f) / (hz[2:] - hz[1:-1])
    filters = torch.minimum(rise, fall).clamp_min(0)
    # Low bands of short windows can fall between two bins: give them the nearest one.
    empty = filters.sum(0) == 0
    nearest = (f - hz[1:-1]).abs().argmin(0)
    filters[nearest[empty], empty.nonzero()[:, 0]] = 1.0
    return filters


class SpectralLoss(nn.Module):
    """Multi-scale log-mel L1, compressed complex STFT L1, levels and loudness of auditory bands.

    Mel windows and bands follow Kumar et al. 2023 (DAC) scaled to 24 kHz; the compressed complex
    term (power 0.3) follows Wilson et al. 2018. The levels of bands of one ERB over windows long
    enough to make them steady are what a decoder can get right even where it cannot know the
    waveform: the fine cells of the mel loss hide them in their own randomness.

    Loudness is what low bands, coded as waves, are heard by: errors under the masking threshold do
    not count, and what is added where the original had less counts more than what is missing. After
    PESQ (ITU-T P.862, 2001): its exponent, its masking and its limits of what counts as added, but
    bands of the ERB scale, levels relative to the row, and one sum for both kinds of disturbance.
    """

    MEL = ((64, 8), (128, 16), (256, 32), (512, 64), (1024, 80), (2048, 160))
    COMPLEX = (1024, 256)
    WAVES_UP_TO = 2800  # Hz; above, most of the power is noise of random signs
    LOWEST_UP_TO = 1200  # Hz; what is lost below costs nearly all of DNSMOS and much of PESQ
    LOWEST_WAVES, LOWEST_LOUDNESS = 3.0, 2.0  # so many times the weight there
    LEVELS = (2048, 1024)
    LEVEL_RANGE = 1e-5  # 50 dB: how far below the loudest band of a window levels still count
    LEVEL_HUBER = 6.0  # dB
    HIGH_BANDS = 16  # above 2.4 kHz
    LOW_SHARE = 0.1  # of the weight below, where loudness counts

    LOUDNESS = 1024
    LOUDNESS_BANDS = 0.5  # ERB
    LOUDNESS_UP_TO = 3300  # Hz, from where on all is noise
    LOUDNESS_RANGE = 1e-7  # of the mean power of a band: no longer heard
    EXPONENT = 0.23  # of power
    MASKED = 0.25  # part of the lesser loudness under which a difference is not heard
    ADDED = 0.3  # weight of the additional term for what was added

    def __init__(self, samplerate: int) -> None:
        super().__init__()
        self.samplerate = samplerate
        for window, bands in self.MEL:
            self.register_buffer(f"filters_{window}", mel_filters(samplerate, window, bands))
        for window in self.LEVELS:
            bins = torch.linspace(0, samplerate / 2, window // 2 + 1)
            self.register_buffer(f"bands_{window}", erb_filters(bins, samplerate))
        bins = torch.linspace(0, samplerate / 2, self.LOUDNESS // 2 + 1)
        narrow = erb_filters(bins, samplerate, self.LOUDNESS_BANDS)
        low = narrow[bins > self.LOUDNESS_UP_TO].sum(0) == 0
        self.register_buffer("narrow_bands", narrow[:, low])
        lowest = bins[narrow[:, low].argmax(0)] < self.LOWEST_UP_TO
        self.register_buffer("loudness_weights", 1 + (self.LOWEST_LOUDNESS - 1) * lowest)

    @staticmethod
    def _stft(x: Tensor, window: int) -> Tensor:
        taper = torch.hann_window(window, device=x.device)
        return torch.stft(x, window, window // 4, window=taper, return_complex=True)

    def _levels(self, power: Tensor, window: int, n: int) -> Tensor:
        levels = power.transpose(1, 2) @ getattr(self, f"bands_{window}")
        floor = levels[n:].amax(2, keepdim=True) * self.LEVEL_RANGE + 1e-6
        decoded, original = (10 * torch.log10(half + floor) for half in (levels[:n], levels[n:]))
        error = F.huber_loss(decoded, original, delta=self.LEVEL_HUBER, reduction="none")
        share = torch.ones(error.shape[-1], device=error.device)
        share[: -self.HIGH_BANDS] = self.LOW_SHARE
        return (error * share).mean()

    def _loudness(self, power: Tensor, n: int) -> Tensor:
        """Disturbance, relative to the mean loudness of the original."""
        bands = power.transpose(1, 2) @ self.narrow_bands
        mean = bands[n:].mean((1, 2), keepdim=True) + 1e-4
        relative = bands.unflatten(0, (2, n)) / mean + self.LOUDNESS_RANGE
        decoded, original = relative**self.EXPONENT
        difference = decoded - original
        heard = (difference.abs() - self.MASKED * torch.minimum(decoded, original)).clamp_min(0)
        # A ratio of 3 to 12 to the power of 1.2; less does not count as added, more no further.
        with torch.no_grad():
            added = ((relative[0] + 1e-5) / (relative[1] + 1e-5)) ** 1.2
            added = torch.where(added < 3, 0, added.clamp_max(12))
        heard = heard * self.loudness_weights
        return (heard * (1 + self.ADDED * added)).mean() / original.mean()

    def forward(
        self, decoded: Tensor, original: Tensor, waves: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mel, complex, level and loudness loss of rows ``[B, frames]``.

        `waves`, ``[B]``, weighs the complex loss of each row: how far its waveform can be known.
        """
        mel_loss = decoded.new_zeros(())
        complex_loss = decoded.new_zeros(())
        level_loss = decoded.new_zeros(())
        rows = torch.cat([decoded, original])
        n = len(decoded)
        for window, _ in self.MEL:
            spectrum = self._stft(rows, window)
            power = spectrum.real.square() + spectrum.imag.square()
            mel = power.transpose(1, 2) @ getattr(self, f"filters_{window}")
            log = torch.log10(mel + 1e-5 * (window / 1024)) * 0.5
            mel_loss = mel_loss + F.l1_loss(log[:n], log[n:])
            if window in self.LEVELS:
                level_loss = level_loss + self._levels(power, window, n)
            if window == self.LOUDNESS:
                loudness_loss = self._loudness(power, n)
            if window in self.COMPLEX:
                bins = self.WAVES_UP_TO * window // self.samplerate
                gain = (power[:, :bins] + 1e-4) ** -0.35
                re, im = spectrum.real[:, :bins] * gain, spectrum.imag[:, :bins] * gain
                error = (re[:n] - re[n:]).abs() + (im[:n] - im[n:]).abs()
                lowest = self.LOWEST_UP_TO * window // self.samplerate
                error = torch.cat([self.LOWEST_WAVES * error[:, :lowest], error[:, lowest:]], 1)
                complex_loss = complex_loss + (error.mean((1, 2)) * waves).mean()
        return mel_loss, complex_loss, level_loss, loudness_loss
