"""What the generator is asked for: spectra at many resolutions, and a little waveform."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .bands import erb_filters

ENVELOPE = 64  # samples
ENVELOPE_EDGES = (2250, 3400, 4800, 6400, 8250)  # Hz, of bands


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


class STFT(torch.autograd.Function):
    """Power ``[B, time, window / 2 + 1]`` of samples ``[B, frames]``, and its lowest bins' values.

    The latter, ``[B, time, lowest, 2]``, are real and imaginary parts. Windows, hops of a quarter
    and edges are those of `torch.stft`. PyTorch's own gradient takes a full complex transform of
    every window, a quarter of a whole training step; the inverse real one is enough.
    """

    @staticmethod
    def forward(ctx, x: Tensor, window: int, lowest: int) -> tuple[Tensor, Tensor]:
        taper = torch.hann_window(window, device=x.device)
        padded = F.pad(x[:, None], (window // 2, window // 2), mode="reflect")[:, 0]
        spectrum = torch.fft.rfft(padded.unfold(1, window, window // 4) * taper)
        ctx.taper, ctx.samples = taper, x.shape[1]
        ctx.save_for_backward(spectrum)
        power = spectrum.real.square() + spectrum.imag.square()
        return power, torch.view_as_real(spectrum)[:, :, :lowest].clone()

    @staticmethod
    def backward(ctx, of_power: Tensor, of_lowest: Tensor) -> tuple[Tensor, None, None]:
        (spectrum,) = ctx.saved_tensors
        window, samples = len(ctx.taper), ctx.samples
        edge = window // 2
        # Bins between the first and the last stand for two each in a real transform.
        scaled = torch.empty_like(spectrum)
        for part in ("real", "imag"):
            torch.mul(getattr(spectrum, part), of_power, out=getattr(scaled, part))
        scaled[..., 0] *= 2  # one by one: a list of bins would be copied to a GPU each time
        scaled[..., edge] *= 2
        lowest = of_lowest.shape[2]
        of_lowest = torch.view_as_complex(of_lowest) * 0.5
        of_lowest[..., :1] *= 2
        scaled[:, :, :lowest] += of_lowest
        frames = torch.fft.irfft(scaled, n=window, norm="forward") * ctx.taper
        rows, times = frames.shape[:2]
        quarters = frames.view(rows, times, 4, -1)
        padded = frames.new_zeros(rows, samples // (window // 4) + 8, window // 4)
        for i in range(4):
            padded[:, i : i + times] += quarters[:, :, i]
        padded = padded.flatten(1)
        out = padded[:, edge : edge + samples].clone()
        out[:, 1 : edge + 1] += padded[:, :edge].flip(1)
        after = padded[:, edge + samples : 2 * edge + samples]
        out[:, samples - 1 - edge : samples - 1] += after.flip(1)
        return out, None, None


def envelope_loss(decoded: Tensor, original: Tensor, samplerate: int) -> Tensor:
    """How unlike the power of four bands above 2.2 kHz is from moment to moment (2.7 ms at 24 kHz).

    Relative to what the original has there over ten times as long, compressed: where a voice's
    pulses are counts, not how loud they are, which other losses know better.
    """
    taper = torch.hann_window(ENVELOPE, device=decoded.device)
    edges = [round(hertz * ENVELOPE / samplerate) for hertz in ENVELOPE_EDGES]

    def powers(rows: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(rows.unfold(1, ENVELOPE, ENVELOPE // 4) * taper)
        power = spectrum.real.square() + spectrum.imag.square()
        bands = zip(edges, edges[1:], strict=False)
        return torch.stack([power[..., low:high].mean(2) for low, high in bands], 1)

    found, wanted = powers(decoded), powers(original)
    around = F.avg_pool1d(wanted, 41, 1, 20, count_include_pad=False)
    around = around + wanted.mean((1, 2), keepdim=True) * 1e-3 + 1e-6
    found, wanted = ((power / around + 1e-3) ** 0.3 for power in (found, wanted))
    return F.l1_loss(found, wanted)


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
    FINE_UP_TO = 2400  # Hz; above, cells of windows that are longer than the next are left out
    COARSE = 128
    COMPLEX = (1024, 256)
    WAVES_UP_TO = 2800  # Hz; above, most of the power is copies
    LOWEST_UP_TO = 1200  # Hz; what is lost below costs nearly all of DNSMOS and much of PESQ
    LOWEST_WAVES, LOWEST_LOUDNESS = 3.0, 2.0  # so many times the weight there
    LEVELS = (2048, 1024)
    LEVEL_RANGE = 1e-5  # 50 dB: how far below the loudest band of a window levels still count
    LEVEL_HUBER = 6.0  # dB
    HIGH_BANDS = 16  # above 2.4 kHz
    LOW_SHARE = 0.1  # of the weight below, where loudness counts

    LOUDNESS = 1024
    LOUDNESS_BANDS = 0.5  # ERB
    LOUDNESS_UP_TO = 3300  # Hz, from where on all is copies
    LOUDNESS_RANGE = 1e-7  # of the mean power of a band: no longer heard
    EXPONENT = 0.23  # of power
    MASKED = 0.25  # part of the lesser loudness under which a difference is not heard
    ADDED = 0.3  # weight of the additional term for what was added

    def __init__(self, samplerate: int) -> None:
        super().__init__()
        self.samplerate = samplerate
        for window, bands in self.MEL:
            filters = mel_filters(samplerate, window, bands)
            if window > self.COARSE:
                peaks = filters.argmax(0) * samplerate / window
                filters = filters[:, peaks < self.FINE_UP_TO]
            self.register_buffer(f"filters_{window}", filters)
        for window in self.LEVELS:
            bins = torch.linspace(0, samplerate / 2, window // 2 + 1)
            self.register_buffer(f"bands_{window}", erb_filters(bins, samplerate))
        bins = torch.linspace(0, samplerate / 2, self.LOUDNESS // 2 + 1)
        narrow = erb_filters(bins, samplerate, self.LOUDNESS_BANDS)
        low = narrow[bins > self.LOUDNESS_UP_TO].sum(0) == 0
        self.register_buffer("narrow_bands", narrow[:, low])
        lowest = bins[narrow[:, low].argmax(0)] < self.LOWEST_UP_TO
        self.register_buffer("loudness_weights", 1 + (self.LOWEST_LOUDNESS - 1) * lowest)

    def _levels(self, decoded: Tensor, original: Tensor, window: int) -> Tensor:
        filters = getattr(self, f"bands_{window}")
        decoded, original = decoded @ filters, original @ filters
        floor = original.amax(2, keepdim=True) * self.LEVEL_RANGE + 1e-6
        decoded, original = (10 * torch.log10(levels + floor) for levels in (decoded, original))
        error = F.huber_loss(decoded, original, delta=self.LEVEL_HUBER, reduction="none")
        share = torch.ones(error.shape[-1], device=error.device)
        share[: -self.HIGH_BANDS] = self.LOW_SHARE
        return (error * share).mean()

    def _loudness(self, decoded: Tensor, original: Tensor) -> Tensor:
        """Disturbance, relative to the mean loudness of the original."""
        decoded, original = decoded @ self.narrow_bands, original @ self.narrow_bands
        mean = original.mean((1, 2), keepdim=True) + 1e-4
        decoded, original = (bands / mean + self.LOUDNESS_RANGE for bands in (decoded, original))
        # A ratio of 3 to 12 to the power of 1.2; less does not count as added, more no further.
        with torch.no_grad():
            added = ((decoded + 1e-5) / (original + 1e-5)) ** 1.2
            added = torch.where(added < 3, 0, added.clamp_max(12))
        decoded, original = decoded**self.EXPONENT, original**self.EXPONENT
        difference = decoded - original
        heard = (difference.abs() - self.MASKED * torch.minimum(decoded, original)).clamp_min(0)
        heard = heard * self.loudness_weights
        return (heard * (1 + self.ADDED * added)).mean() / original.mean()

    def _complex(self, decoded: Tensor, original: Tensor, window: int) -> Tensor:
        """Distance of the lowest bins on the complex plane, of each row; powers compressed."""
        decoded, original = (
            spectrum * (spectrum.square().sum(-1, keepdim=True) + 1e-4) ** -0.35
            for spectrum in (decoded, original)
        )
        error = (decoded - original).abs().sum(3).mean(1)
        lowest = self.LOWEST_UP_TO * window // self.samplerate
        return torch.cat([self.LOWEST_WAVES * error[:, :lowest], error[:, lowest:]], 1).mean(1)

    def forward(
        self, decoded: Tensor, original: Tensor, waves: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mel, complex, level and loudness loss of rows ``[B, frames]``.

        `waves`, ``[B]``, weighs the complex loss of each row: how far its waveform can be known.
        """
        mel_loss = decoded.new_zeros(())
        complex_loss = decoded.new_zeros(())
        level_loss = decoded.new_zeros(())
        for window, bands in self.MEL:
            bins = self.WAVES_UP_TO * window // self.samplerate if window in self.COMPLEX else 0
            powers, spectra = zip(
                *(STFT.apply(rows, window, bins) for rows in (decoded, original)), strict=True
            )
            filters = getattr(self, f"filters_{window}")
            logs = [torch.log10(p @ filters + 1e-5 * (window / 1024)) * 0.5 for p in powers]
            mel_loss = mel_loss + (logs[0] - logs[1]).abs().mean((0, 1)).sum() / bands
            if window in self.LEVELS:
                level_loss = level_loss + self._levels(*powers, window)
            if window == self.LOUDNESS:
                loudness_loss = self._loudness(*powers)
            if window in self.COMPLEX:
                complex_loss = complex_loss + (self._complex(*spectra, window) * waves).mean()
        return mel_loss, complex_loss, level_loss, loudness_loss
