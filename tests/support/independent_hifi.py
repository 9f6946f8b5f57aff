"""A decoder of payloads of ``hifi-48k``, written from ``docs/hifi.md`` alone.

It shares nothing with vauxio and is as slow as it is plain. Comments name the sections of the
specification. Numbers are Python's; NumPy adds up what is in the layers of the networks.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np

HERTZ = [0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150,
         3700, 4400, 5300, 6400, 7700, 9500, 12000, 15500, 20000]  # fmt: skip

DIFFERENT = range(13, 20)
DIFFERENCES = [2, 2, 4, 12, 72, 320, 1000, 320, 72, 12, 4, 2, 2]


class Malformed(Exception):
    """A rule of the format is broken."""


class Bits:
    """Raw bits, lowest first."""

    def __init__(self, data: bytes) -> None:
        self.number, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise Malformed("raw bits end")
        found = self.number & ((1 << count) - 1)
        self.number >>= count
        self.left -= count
        return found


class RangeDecoder:
    """Section 8 of the format."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at, self.range = 0, 2**64 - 1
        self.d = self.word() << 32 | self.word()

    def word(self) -> int:
        self.at += 4
        return int.from_bytes(self.data[self.at - 4 : self.at], "little")

    def decode(self, ends: list[int]) -> int:
        scale = self.range >> 24
        q = self.d // scale
        if q >= 1 << 24:
            raise Malformed("no symbol")
        i = next(i for i, end in enumerate(ends) if q < end)
        begin = ends[i - 1] if i else 0
        self.d -= scale * begin
        self.range = scale * (ends[i] - begin)
        if self.range < 1 << 32:
            self.range <<= 32
            self.d = self.d << 32 | self.word()
        return i


def distribution(frequencies: list[int]) -> list[int]:
    """Ends of intervals: section 8.1 of the format."""
    room, total = 2**24 - len(frequencies), sum(frequencies)
    weights = [f * room // total for f in frequencies]
    weights[frequencies.index(max(frequencies))] += room - sum(weights)
    ends, at = [], 0
    for weight in weights:
        at += weight + 1
        ends.append(at)
    return ends


def clip(x: int, low: int, high: int) -> int:
    return min(max(x, low), high)


def bark_of(hertz: Fraction) -> int:
    i = max(i for i in range(25) if hertz >= HERTZ[i])
    return 16 * i + math.floor(16 * (hertz - HERTZ[i]) / (HERTZ[i + 1] - HERTZ[i]))


class Layout:
    """Section 1."""

    def __init__(self, size: int) -> None:
        self.size, self.edges = size, [0]
        for h in HERTZ[1:]:
            edge = (2 * h * size + 24000) // 48000
            if edge - self.edges[-1] >= 4:
                self.edges.append(edge)
        middles = [a + b for a, b in zip(self.edges[:-1], self.edges[1:], strict=True)]
        self.bark = [bark_of(Fraction(24000 * middle, 2 * size)) for middle in middles]


LAYOUTS = {size: Layout(size) for size in (2048, 1024, 512, 256, 128)}


def power(x: int) -> int:
    """P of section 5: 2^(x/64 + 12) to the nearest, by whole numbers."""
    octaves, part = divmod(clip(x, -512, 1024) + 64 * 12, 64)
    return (root(part) + (1 << 59 - octaves)) >> 60 - octaves


def root(part: int) -> int:
    """2^(part/64 + 60), rounded down."""
    target, low, high = 1 << (part + 64 * 60), 0, 1 << 62
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**64 <= target else (low, middle)
    return low


def logarithm(x: int) -> int:
    """The largest n with 2^n <= (1 + x / 4)^12, x at most 4095."""
    return ((4 + min(x, 4095)) ** 12 // 4**12).bit_length() - 1


POWERS = {x: power(x) for x in range(-512, 1025)}
LOGARITHMS = [logarithm(x) for x in range(4096)]


def p(x: int) -> int:
    return POWERS[clip(x, -512, 1024)]


class Block:
    """A transform block, as far as it is known."""

    def __init__(self, size: int, levels: list[list[int]]) -> None:
        self.layout, self.levels = LAYOUTS[size], levels
        self.bands = len(levels[0])
        self.count = self.layout.edges[self.bands]
        edges = self.layout.edges
        self.band = [b for b in range(self.bands) for _ in range(edges[b], edges[b + 1])]
        self.steps: list[list[int]] = []
        self.ratios: list[list[int]] = []
        self.values = [[0] * self.count for _ in levels]
        self.angles: list[int] | None = None
        self.differences: dict[int, int] | None = None

    def coded(self, c: int, k: int) -> bool:
        b = self.band[k]
        return self.levels[c][b] != 0 and self.ratios[c][b] >= -160

    def worth(self, c: int, k: int) -> int:
        v = abs(self.values[c][k])
        return 16 * v if v else min(5, p(self.ratios[c][self.band[k]]) >> 8)


def decode(
    payload: bytes, channels: int, frames: int, tables: dict[str, np.ndarray]
) -> list[Block]:
    """The blocks of a payload, with their signed values."""
    # Section 2
    flags, bands, slope, total = payload[:4]
    tilt = int.from_bytes(payload[4:5], "little", signed=True)
    gain = int.from_bytes(payload[5:7], "little")
    length = int.from_bytes(payload[7:10], "little")
    code = payload[10 : 10 + length]
    if len(code) < length or code[-1:] == b"\0" or bands > 25 or gain > 4095:
        raise Malformed("head")
    if flags > 15 and not flags & 4:
        raise Malformed("head")
    coarse, joint, balanced = flags & 1, flags >> 1 & 1, flags >> 3 & 1
    if balanced and not joint:
        raise Malformed("balanced")
    coder, raw = RangeDecoder(code), Bits(payload[10 + length :])
    sizes = read_sizes(coder, frames, tables)
    angles = read_angles(coder, frames, bands, tables) if joint else None
    blocks = read_levels(coder, raw, sizes, channels, bands, coarse, tables)
    told = DIFFERENT[: max(bands - DIFFERENT[0], 0)]
    differences = [
        {b: coder.decode(distribution(DIFFERENCES)) - 6 for b in told}
        for _ in range(frames if balanced else 0)
    ]
    begin = 0
    for block in blocks:
        if angles:
            block.angles = angles[begin // 2048]
        if balanced:
            block.differences = differences[begin // 2048]
        begin += block.layout.size
        find_steps(block, joint, slope, total, tilt, gain)
    read_values(coder, raw, blocks, coarse, tables)
    for block in blocks:
        for c in range(channels):
            block.values[c] = [-v if v and raw.take(1) else v for v in block.values[c]]
    if raw.left > 7 or raw.number:
        raise Malformed("more bits")
    return blocks


def read_sizes(coder: RangeDecoder, frames: int, tables: dict[str, np.ndarray]) -> list[int]:
    """Section 3."""
    last = [0, 0, 0, 0]

    def tree(depth: int) -> list[int]:
        if depth < 4:
            last[depth] = coder.decode(distribution(tables["splits"][depth][last[depth]].tolist()))
            if last[depth]:
                return tree(depth + 1) + tree(depth + 1)
        return [2048 >> depth]

    return [size for _ in range(frames) for size in tree(0)]


def read_angles(
    coder: RangeDecoder, frames: int, bands: int, tables: dict[str, np.ndarray]
) -> list[list[int]]:
    """Section 3, second part."""
    found: list[list[int]] = []
    angles, changed = [8] * bands, [False] * bands
    for _ in range(frames):
        was, changed = changed, [False] * bands
        angles = list(angles)
        for b in [*range(0, bands, 2), *range(1, bands, 2)]:
            if b % 2:
                context = 3 + sum(changed[b - 1 : b + 2 : 2])
            else:
                context = min(2, sum(was[max(b - 1, 0) : b + 2]))
            s = coder.decode(distribution(tables["angles"][context].tolist()))
            angles[b], changed[b] = (angles[b] + s) % 32, s != 0
        found.append(angles)
    return found


def read_levels(
    coder: RangeDecoder, raw: Bits, sizes: list[int], channels: int, payload_bands: int,
    coarse: int, tables: dict[str, np.ndarray],
) -> list[Block]:  # fmt: skip
    """Section 4."""
    blocks: list[Block] = []
    highest = 55 if coarse else 111
    before: list[list[int]] = []
    moved: list[list[int]] = []
    for size in sizes:
        layout = LAYOUTS[size]
        stop = Fraction(LAYOUTS[2048].edges[payload_bands] * size, 2048)
        count = sum(edge < stop for edge in layout.edges[:-1])
        was = blocks[-1].layout.size if blocks else 0
        base = [[12 if coarse else 24] * count for _ in range(channels)]
        drift = [[0] * count for _ in range(channels)]
        for c in range(channels if was else 0):
            for b in range(count):
                gaps = [abs(bark - layout.bark[b]) for bark in LAYOUTS[was].bark]
                near = min(gaps.index(min(gaps)), len(before[c]) - 1)
                base[c][b], drift[c][b] = before[c][near], moved[c][near]
        e = [[0] * count for _ in range(channels)]
        moved = [[0] * count for _ in range(channels)]
        for number, (first, distance, reach) in enumerate(((0, 4, 0), (2, 4, 2), (1, 2, 1))):
            escaped = []
            for c in range(channels):
                told = [moved[c][b] for b in range(0, count, 2 * reach)] if reach else []
                for b in range(first, count, distance):
                    x = expect(layout, base[c], drift[c], b, was, coarse, number)
                    if reach:
                        x[0] = 8 * moved[c][b - reach]
                        x[1] = 8 * moved[c][b + reach] if b + reach < count else x[0]
                        x[2] = 8 * sum(told) // len(told)
                        x[3] = 8 * sum(abs(m) for m in told) // len(told)
                    change, spread = network(tables, 2, [[clip(i, -127, 127) for i in x]])[0]
                    change = clip(change, -80, 80)
                    expected = clip(base[c][b] + change // 4, 0, highest)
                    row = 4 * clip(spread, 0, 23) + change % 4
                    s = coder.decode(distribution(tables["residuals"][row].tolist()))
                    # What is told in raw bits comes after all symbols of the pass.
                    e[c][b] = expected + s - 20
                    if s == 41:
                        escaped.append((c, b))
            for c, b in escaped:
                e[c][b] = raw.take(7)
            for c in range(channels):
                for b in range(first, count, distance):
                    if not 0 <= e[c][b] <= highest:
                        raise Malformed("level")
                    moved[c][b] = e[c][b] - base[c][b]
        before = e
        blocks.append(Block(size, [[x << coarse for x in row] for row in e]))
    return blocks


def expect(
    layout: Layout, base: list[int], drift: list[int], b: int, was: int, coarse: int, number: int
) -> list[int]:
    """Section 4: the inputs of the network, without what the block's own levels show."""

    def beside(offset: int) -> int:
        return 4 * (base[clip(b + offset, 0, len(base) - 1)] - base[b])

    return [
        0, 0, 0, 0, 8 * drift[b], 16 * sum(abs(m) for m in drift) // len(drift),
        beside(1), beside(-1), beside(2), beside(-2), base[b], layout.bark[b] // 4,
        24 * (layout.size.bit_length() - 8), 24 * (was.bit_length() - 8) if was else 0,
        64 * (was == layout.size), 64 * (not was), 64 * coarse, 64 * (number == 0),
        64 * (number == 1),
    ]  # fmt: skip


def network(tables: dict[str, np.ndarray], number: int, inputs: list[list[int]]) -> list[list[int]]:
    """The three layers of a network, for each row of inputs."""
    x = np.array(inputs, np.int64)
    for n in range(3):
        weight, bias, shift = (
            tables[f"{kind}{number}{n}"].astype(np.int64) for kind in ("weight", "bias", "shift")
        )
        x = (x @ weight + bias) >> shift
        if n < 2:
            x = np.clip(x, 0, 127)
    return x.tolist()


def find_steps(block: Block, joint: int, slope: int, total: int, tilt: int, gain: int) -> None:
    """Section 5, first part."""
    bark = block.layout.bark
    for c, levels in enumerate(block.levels):
        loud = list(levels)
        if joint and c < 2:
            loud = [max(pair) for pair in zip(block.levels[0], block.levels[1], strict=True)]
        for b in range(1, block.bands):
            loud[b] = max(loud[b], loud[b - 1] - 12 * (bark[b] - bark[b - 1]) // 16)
        for b in range(block.bands - 2, -1, -1):
            loud[b] = max(loud[b], loud[b + 1] - 24 * (bark[b + 1] - bark[b]) // 16)
        mean = sum(loud) // block.bands if block.bands else 0
        block.steps.append([
            slope * loud[b] + (total - slope) * (mean - 32) + tilt * (bark[b] - 192) // 48
            + gain - 1024
            for b in range(block.bands)
        ])  # fmt: skip
        block.ratios.append([16 * (x - 8) - y for x, y in zip(levels, block.steps[c], strict=True)])


def seen(block: Block, past: Block | None, c: int) -> list[int]:
    """What a block of the past shows on the grid of another."""
    if past is None:
        return [0] * block.count
    found = []
    for k in range(block.count):
        step = block.steps[c][block.band[k]]

        def moved(at: int, step: int = step) -> int:
            if at >= past.count:
                return 0
            ratio = p(past.steps[c][past.band[at]] - step)
            return min(1 << 30, past.worth(c, at) * ratio >> 12)

        if block.layout.size >= past.layout.size:
            found.append(moved(k // (block.layout.size // past.layout.size)))
        else:
            r = past.layout.size // block.layout.size
            group = [moved(r * k + i) for i in range(r)]
            found.append((sum(group) // r + max(group)) // 2)
    return found


def read_values(
    coder: RangeDecoder, raw: Bits, blocks: list[Block], coarse: int, tables: dict[str, np.ndarray]
) -> None:
    """Section 5, second part."""
    classes = [distribution(row.tolist()) for row in tables["classes"]]
    for i, block in enumerate(blocks):
        past = [blocks[i - n] if i >= n else None for n in (1, 2)]
        channels = range(len(block.levels))
        shown = [[seen(block, one, c) for one in past] for c in channels]
        for half in range(2):
            places = [
                (c, k) for c in channels for k in range(half, block.count, 2) if block.coded(c, k)
            ]
            if not places:
                continue
            inputs, shifts = [], []
            for c, k in places:
                row, shift = features(block, c, k, shown[c], half, past[0], coarse)
                inputs.append(row)
                shifts.append(shift)
            found = network(tables, half, inputs)
            symbols = [coder.decode(classes[clip(score, 0, 63)]) for (score,) in found]
            lengths = [raw.take(5) for s in symbols if s == 15]
            if any(n > 20 for n in lengths):
                raise Malformed("value")
            more = iter([(1 << n) + raw.take(n) for n in lengths])
            high = [next(more) + 14 if s == 15 else s for s in symbols]
            for (c, k), value, shift in zip(places, high, shifts, strict=True):
                block.values[c][k] = (value << shift) + raw.take(shift)
                if block.values[c][k] >= 1 << 20:
                    raise Malformed("value")


def features(
    block: Block, c: int, k: int, shown: list[list[int]], half: int, past: Block | None, coarse: int
) -> tuple[list[int], int]:
    """The inputs of a network, and how many low bits the symbol does not say."""

    def a(at: int) -> int:
        return shown[0][at] if 0 <= at < block.count else 0

    def b(at: int) -> int:
        return shown[1][at] if 0 <= at < block.count else 0

    own = block.band[k]
    ratio = block.ratios[c]
    level = p(ratio[own]) >> 8
    near = (2 * a(k) + a(k - 1) + a(k + 1)) // 4
    shift = min(20, (max(0, level // 2 + near // 2 - 1) >> 7).bit_length())

    def log(x: int) -> int:
        return LOGARITHMS[min(4095, x >> shift)]

    def scaled(x: int) -> int:
        return clip(10 * (x - 64 * shift) // 64, -40, 120)

    share, other = beside(block, k)
    between = (share * ratio[own] + (16 - share) * ratio[other]) // 16
    f = (2 * k + 1) * 2048 // block.layout.size
    o = f.bit_length() - 1
    edges = block.layout.edges
    members = range(edges[own], edges[own + 1])
    mean = sum(map(a, members)) // len(members)
    row = [
        log(a(k)), log(a(k - 1)), log(a(k + 1)), log((a(k - 2) + a(k + 2)) // 2),
        log((a(k - 4) + a(k - 3) + a(k + 3) + a(k + 4)) // 4),
        log(b(k)), log((b(k - 1) + b(k + 1)) // 2),
        log(sum(a(k + i) for i in range(-8, 9)) // 16),
        log(sum(a(k + i) for i in range(-16, 17)) // 32),
        log(mean), log(a(k) * level // max(mean, 3)),
        scaled(ratio[own]), scaled(between),
        scaled(ratio[max(own - 1, 0)]), scaled(ratio[min(own + 1, block.bands - 1)]),
        24 * (block.layout.size.bit_length() - 8), 8 * o + (8 * f >> o) - 8, 64 if shift else 0,
        64 * coarse, clip(10 * (sum(ratio) // len(ratio)) // 64, -40, 120),
        LOGARITHMS[4 * len(members) - 4],
        24 * (past.layout.size.bit_length() - 8) if past else 0,
    ]  # fmt: skip
    if half:
        around = [
            16 * block.values[c][at] if 0 <= at < block.count else 0
            for at in (k - 1, k + 1, k - 3, k + 3)
        ]
        row += [log(v) for v in around] + [log(sum(around) // 4)]
        # What is left of the energy of the band.
        whole = len(members) * level**2
        even = [at for at in members if at % 2 == 0]
        energy = sum(min(1 << 20, block.worth(c, at)) ** 2 for at in even)
        row.append(log(math.isqrt(max(whole - energy, whole // 64) // (len(members) - len(even)))))
    return row, shift


def beside(block: Block, k: int) -> tuple[int, int]:
    """Section 5: the share of a coefficient's own band, and the other."""
    own, edges = block.band[k], block.layout.edges
    j, width = k - edges[own], edges[own + 1] - edges[own]
    offset = 16 * (2 * j + 1) // (2 * width) - 8
    return 16 - abs(offset), clip(own + (-1 if offset < 0 else 1), 0, block.bands - 1)


def coefficients(blocks: list[Block], flags: int) -> np.ndarray:
    """Section 6, up to the transform: ``float64[channels, frames * 2048]``, 1 is full scale."""
    channels = len(blocks[0].levels)
    found: list[list[float]] = [[] for _ in range(channels)]
    for block in blocks:
        begin = len(found[0])
        for c in range(channels):
            place = channels * begin + c * block.count
            whole = [
                x
                for b in range(block.bands)
                for x in sounding(block, c, b, place, bool(flags & 4), bool(flags & 8 and c == 1))
            ]
            if flags & 4:
                whole = like_speech(block, c, np.array(whole), flags >> 4)
            found[c] += [*whole, *[0.0] * (block.layout.size - block.count)]
        if flags & 2:
            turn(block, found, begin)
        if flags & 8:
            balance(block, found, begin)
    return np.array(found) / 2**15


def turn(block: Block, found: list[list[float]], begin: int) -> None:
    """From the first two channels to left and right, in place."""
    for k, b in enumerate(block.band):
        near = nearest(block, b)
        sine = math.sin(math.pi * block.angles[near] / 32)
        cosine = math.cos(math.pi * block.angles[near] / 32)
        first, second = found[0][begin + k], found[1][begin + k]
        found[0][begin + k] = cosine * first - sine * second
        found[1][begin + k] = sine * first + cosine * second


def nearest(block: Block, b: int) -> int:
    """The band of the frame that has a band's angle."""
    gaps = [abs(bark - block.layout.bark[b]) for bark in LAYOUTS[2048].bark]
    return min(gaps.index(min(gaps)), len(block.angles) - 1)


def balance(block: Block, found: list[list[float]], begin: int) -> None:
    """Give left and right their shares of the power of each band, in place."""
    for b in range(block.bands):
        first, end = block.layout.edges[b : b + 2]
        if first * 24000 < 1000 * block.layout.size:
            continue
        near = nearest(block, b)
        main, second = (
            2 ** ((levels[b] - 8) / 2) if levels[b] else 0.0 for levels in block.levels[:2]
        )
        cosine = math.cos(math.pi * block.angles[near] / 32) ** 2
        d = block.differences.get(near, 0)
        wanted = [
            2 ** (d / 6) * (cosine * main + (1 - cosine) * second + 1),
            2 ** (-d / 6) * ((1 - cosine) * main + cosine * second + 1),
        ]
        places = slice(begin + first, begin + end)
        present = [sum(x * x for x in side[places]) / (end - first) + 1 for side in found[:2]]
        for side, w, p in zip(found, wanted, present, strict=False):
            factor = math.sqrt(w * sum(present) / sum(wanted) / p)
            side[places] = [x * min(max(factor, 0.5), 2) for x in side[places]]


def sounding(block: Block, c: int, b: int, place: int, noisy: bool, second: bool) -> list[float]:
    """What the values of a band stand for, with noise in the place of zeros."""
    step = 2 ** (block.steps[c][b] / 64)
    first, end = block.layout.edges[b : b + 2]
    values = [stands_for(v) * step for v in block.values[c][first:end]]
    zeros = values.count(0)
    if not zeros:
        return values
    level = block.levels[c][b]
    energy = 2 ** ((level - 8) / 2) * len(values) if level else 0.0
    left = math.sqrt(max(0.0, energy - sum(v * v for v in values)) / zeros)
    if zeros == len(values):
        high = first * 24000 >= 5000 * block.layout.size
        strength = min(left, 0.5 * step) * (0.9 if high or noisy else 0.63)
    elif noisy:
        more = (zeros / len(values)) ** 8
        strength = min(left, (0.3 + 0.3 * more) * step) * (0.64 + 0.16 * more)
    else:
        most = min(0.3, 0.375 * (zeros / len(values)) ** 2)
        strength = min(left, most * step) * 0.8
    if second:
        strength *= 0.85
    factors = [1.0] * len(values)
    if noisy:
        t = []
        for k in range(first, end):
            share, other = beside(block, k)
            t.append(2 ** ((16 - share) * (block.levels[c][other] - level) / 64))
        root = math.sqrt(sum(x * x for x in t) / len(t))
        factors = [min(2.0, x / root) for x in t]
    noise = [random(place + k) for k in range(first, end)]
    noise = [math.copysign(1, x) if noisy else math.sqrt(3) * x for x in noise]
    return [v or strength * f * x for v, f, x in zip(values, factors, noise, strict=True)]


def like_speech(block: Block, c: int, sound: np.ndarray, copied: int) -> list[float]:
    """Steps 5 to 7: copies, noise in the pulses of the voice, high bands as loud as they were."""
    size, edges = block.layout.size, block.layout.edges[: block.bands + 1]
    if not block.bands:
        return []
    zero = np.array([v == 0 for v in block.values[c]])
    flat = flattened(sound, size)
    for k in range(13 * size // 128, len(sound)):
        if zero[k] and copied:
            copy = abs(sound[k]) * flat[(k - 3 * size // 128) % len(flat)]
            sound[k] = math.sqrt(1 - copied / 16) * sound[k] + math.sqrt(copied / 16) * copy
    bands = [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    in_pulses = [band for band in bands if band.start * 24000 >= 2300 * size]
    if size >= 512 and in_pulses:
        gain = gain_of_voice(size, np.where(zero, 0, sound))
        noise = np.zeros(size)
        for band in in_pulses:
            noise[band] = np.where(zero, sound, 0)[band]
        turned = dct4(gain * dct4(noise))
        for band in in_pulses:
            new = turned[band] * zero[band]
            factor = math.sqrt((noise[band] ** 2).sum() / max((new**2).sum(), 1e-12))
            sound[band] = np.where(zero[band], new * min(4, factor), sound[band])
    for b, band in enumerate(bands):
        if band.start * 24000 >= 5000 * size and block.levels[c][b]:
            energy = 2 ** ((block.levels[c][b] - 8) / 2) * (band.stop - band.start)
            factor = math.sqrt(energy / max((sound[band] ** 2).sum(), 1e-12))
            sound[band] *= min(max(factor, 1 / 1.4), 1.4)
    return sound.tolist()


def flattened(sound: np.ndarray, size: int) -> list[float]:
    unit = size // 128
    source = [float(sound[k]) if k < len(sound) else 0.0 for k in range(3 * unit, 13 * unit)]
    found = []
    for i, x in enumerate(source):
        near = source[max(0, i - 2 * unit) : i + 2 * unit + 1]
        found.append(x / math.sqrt(sum(v * v for v in near) / len(near) + 1e-6))
    return found


def gain_of_voice(size: int, values: np.ndarray) -> np.ndarray:
    voice = np.zeros(size)
    for k, value in enumerate(values):
        if 1000 <= (k + 0.5) * 24000 / size < 4400:
            voice[k] = value
    y = dct4(voice)
    spans = [float((y[32 * i : 32 * i + 32] ** 2).mean()) for i in range(size // 32)]
    mean = sum(spans) / len(spans) + 1e-9
    points = [((e / mean + 0.02) / 1.02) ** 0.25 for e in spans]
    middles = [32 * i + 15.5 for i in range(size // 32)]
    return np.interp(np.arange(size), middles, points)


@lru_cache(5)
def matrix(size: int) -> np.ndarray:
    n = np.arange(size) + 0.5
    return np.asarray(math.sqrt(2 / size) * np.cos(math.pi / size * np.outer(n, n)))


def dct4(x: np.ndarray) -> np.ndarray:
    return np.asarray(matrix(len(x)) @ x)


def random(place: int) -> float:
    x = 0x9E3779B1 * place % 2**32
    for _ in range(2):
        x = 0x45D9F3B * (x ^ x >> 16) % 2**32
    x ^= x >> 16
    return x / 2**31 - 1


def stands_for(v: int) -> float:
    magnitude = abs(v)
    return math.copysign(0.97 if magnitude == 1 else magnitude - 0.015, v) if v else 0.0
