/** Fourier transforms, fast where a length has small factors only. */

export class FFT {
  /** @param {number} n */
  constructor(n) {
    this.n = n;
    this.cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
    this.sin = Float64Array.from({ length: n }, (_, i) => Math.sin((2 * Math.PI * i) / n));
    this.re = new Float64Array(n);
    this.im = new Float64Array(n);
  }

  /**
   * X[k] = sum of x[j] exp(2 pi i j k / n), in `re` and `im`; forward transforms conjugate.
   *
   * @param {Float64Array} re
   * @param {Float64Array} im
   */
  run(re, im) {
    this.#step(re, im, 0, 1, this.n, 0);
  }

  /**
   * @param {Float64Array} re
   * @param {Float64Array} im
   * @param {number} from first input
   * @param {number} stride between inputs
   * @param {number} n
   * @param {number} to first output
   */
  #step(re, im, from, stride, n, to) {
    if (n === 1) {
      this.re[to] = re[from];
      this.im[to] = im[from];
      return;
    }
    let parts = n % 4 === 0 ? 4 : 2;
    while (n % parts) parts++;
    const m = n / parts;
    for (let p = 0; p < parts; p++) {
      this.#step(re, im, from + p * stride, stride * parts, m, to + p * m);
    }
    if (parts === 4) this.#four(to, m, stride);
    else this.#combine(to, m, stride, parts);
  }

  /** @param {number} to @param {number} m @param {number} stride */
  #four(to, m, stride) {
    const { re, im, cos, sin } = this;
    for (let k = 0; k < m; k++) {
      const a = to + k, b = a + m, c = b + m, d = c + m;
      const w1 = k * stride, w2 = 2 * w1, w3 = 3 * w1;
      const br = re[b] * cos[w1] - im[b] * sin[w1], bi = re[b] * sin[w1] + im[b] * cos[w1];
      const cr = re[c] * cos[w2] - im[c] * sin[w2], ci = re[c] * sin[w2] + im[c] * cos[w2];
      const dr = re[d] * cos[w3] - im[d] * sin[w3], di = re[d] * sin[w3] + im[d] * cos[w3];
      const pr = re[a] + cr, pi = im[a] + ci, qr = re[a] - cr, qi = im[a] - ci;
      const sr = br + dr, si = bi + di, tr = br - dr, ti = bi - di;
      re[a] = pr + sr; im[a] = pi + si;
      re[b] = qr - ti; im[b] = qi + tr;
      re[c] = pr - sr; im[c] = pi - si;
      re[d] = qr + ti; im[d] = qi - tr;
    }
  }

  /** @param {number} to @param {number} m @param {number} stride @param {number} parts */
  #combine(to, m, stride, parts) {
    const { re, im, cos, sin, n } = this;
    const wholeR = new Float64Array(parts), wholeI = new Float64Array(parts);
    for (let k = 0; k < m; k++) {
      for (let q = 0; q < parts; q++) {
        let r = 0, i = 0;
        for (let p = 0; p < parts; p++) {
          const w = (p * (k + q * m) * stride) % n, at = to + p * m + k;
          r += re[at] * cos[w] - im[at] * sin[w];
          i += re[at] * sin[w] + im[at] * cos[w];
        }
        wholeR[q] = r;
        wholeI[q] = i;
      }
      for (let q = 0; q < parts; q++) {
        re[to + q * m + k] = wholeR[q];
        im[to + q * m + k] = wholeI[q];
      }
    }
  }
}
