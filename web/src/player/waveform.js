/** How loud a recording is over time, as far as it has been decoded: a picture of fixed size. */

const BARS = 240;

export class Waveform {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.frames = 0;
    this.peaks = new Float32Array(BARS).fill(-1); // not known
  }

  /** @param {number} frames of the whole recording */
  clear(frames) {
    this.frames = frames;
    this.peaks.fill(-1);
    this.draw(0);
  }

  /** @param {number} frame that the piece begins with @param {Float32Array[]} channels */
  add(frame, channels) {
    if (!this.frames) return;
    const [first] = channels, each = this.frames / BARS;
    for (let bar = Math.floor(frame / each); bar < BARS && bar * each < frame + first.length; bar++) {
      const from = Math.max(0, Math.floor(bar * each) - frame);
      const to = Math.min(first.length, Math.floor((bar + 1) * each) - frame);
      let peak = this.peaks[bar];
      for (let i = from; i < to; i++) if (Math.abs(first[i]) > peak) peak = Math.abs(first[i]);
      this.peaks[bar] = peak;
    }
  }

  /** @param {number} share that has been heard, 0 to 1 */
  draw(share) {
    const { canvas } = this, scale = globalThis.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
    const context = canvas.getContext('2d');
    if (!width || !height || !context) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, width, height);
    const bars = Math.min(BARS, Math.floor(width / (3 * scale)));
    for (let i = 0; i < bars; i++) {
      const from = Math.floor((i * BARS) / bars), to = Math.floor(((i + 1) * BARS) / bars);
      const peak = Math.max(...this.peaks.subarray(from, to));
      // A quarter is as loud as speech gets on average, so small sounds are drawn larger.
      const size = Math.max(2 * scale, Math.sqrt(Math.max(0, Math.min(1, peak))) * height);
      context.fillStyle = style.getPropertyValue(
        (i + 0.5) / bars <= share ? '--heard' : peak < 0 ? '--unknown' : '--ahead');
      context.fillRect((i * width) / bars, (height - size) / 2, Math.max(1, width / bars - scale), size);
    }
  }
}
