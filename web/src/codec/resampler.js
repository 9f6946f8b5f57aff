/**
 * Conversion of the sample rate, as samples come, from any position.
 *
 * Output frame j lies at input time j * in / out: there is no delay to make up for, and what comes
 * out does not depend on how it is pushed.
 */

import { filtersOf } from './resampling-filter.js';

export class Resampler {
  /**
   * @param {number} inRate in Hz
   * @param {number} outRate
   * @param {number} channels
   * @param {number} [start] the output frame to begin with
   */
  constructor(inRate, outRate, channels, start = 0) {
    /** The input frame to begin with. */
    this.first = start;
    /** @type {Stage[]} */
    this.stages = [];
    const filters = inRate === outRate ? [] : filtersOf(inRate, outRate);
    for (const filter of [...filters].reverse()) {
      this.stages.unshift(new Stage(filter, channels, this.first));
      this.first = this.stages[0].first;
    }
    this.channels = channels;
  }

  /**
   * Input that follows the last; whatever output it completes.
   *
   * @param {Float32Array[]} frames by channel
   * @returns {Float32Array[]}
   */
  push(frames) {
    return this.stages.reduce((own, stage) => stage.push(own), frames);
  }

  /** The rest of the output, up to frame `frames`, as if silence followed. @param {number} frames */
  finish(frames) {
    const { stages, channels } = this, ends = [frames]; // of what each stage gives
    for (const stage of [...stages].reverse()) ends.unshift(stage.needs(ends[0]));
    let rest = Array.from({ length: channels }, () => new Float32Array(0));
    stages.forEach((stage, i) => (rest = stage.finish(rest, ends[i + 1])));
    return rest;
  }
}

/** One filter, and the input that it still needs. */
class Stage {
  /**
   * @param {import('./resampling-filter.js').Filter} filter
   * @param {number} channels
   * @param {number} start the output frame to begin with
   */
  constructor(filter, channels, start) {
    this.filter = filter;
    this.next = start; // output frame
    /** The input frame to begin with. */
    this.first = this.#firstFor(start);
    this.at = this.first; // input frame that `waiting` begins with
    this.waiting = Array.from({ length: channels }, () => new Float32Array(0));
  }

  /** @param {number} frame */
  #firstFor(frame) {
    const { up, down, reach } = this.filter;
    return Math.max(0, Math.floor((frame * down) / up) - reach + 1);
  }

  /** How many input frames so many of the output need. @param {number} frames */
  needs(frames) {
    const { up, down, reach } = this.filter;
    return Math.ceil((frames * down) / up) + reach;
  }

  /** @param {Float32Array[]} frames */
  push(frames) {
    const { up, down, reach } = this.filter;
    this.waiting = this.waiting.map((waiting, ch) => join(waiting, frames[ch]));
    const stop = this.at + this.waiting[0].length;
    // Output j needs input up to floor(j down / up) + reach.
    const end = Math.max(this.next, Math.ceil(((stop - reach) * up) / down));
    const out = this.waiting.map((waiting) => this.#filtered(waiting, end - this.next));
    this.next = end;
    const drop = Math.min(Math.max(0, this.#firstFor(end) - this.at), this.waiting[0].length);
    this.waiting = this.waiting.map((waiting) => waiting.slice(drop));
    this.at += drop;
    return out;
  }

  /** The last input and silence; the rest of the output. @param {Float32Array[]} rest @param {number} frames */
  finish(rest, frames) {
    const wanted = Math.max(0, frames - this.next);
    const missing = Math.max(0, this.needs(frames) - this.at - this.waiting[0].length);
    const out = this.push(rest.map((own) => {
      const whole = new Float32Array(Math.max(own.length, missing));
      whole.set(own);
      return whole;
    }));
    return out.map((own) => own.subarray(0, wanted));
  }

  /** @param {Float32Array} input @param {number} count */
  #filtered(input, count) {
    const { up, down, taps, reach, phases, rows } = this.filter;
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const scaled = (this.next + i) * down;
      const whole = Math.floor(scaled / up);
      const place = ((scaled - whole * up) * phases) / up;
      const phase = Math.floor(place), share = place - phase;
      const from = whole - reach + 1 - this.at; // input that the first tap is for
      const low = Math.max(0, -from), high = Math.min(taps, input.length - from);
      out[i] = dot(rows[phase], input, from, low, high);
      if (share) out[i] += share * (dot(rows[phase + 1], input, from, low, high) - out[i]);
    }
    return out;
  }
}

/**
 * @param {Float32Array} row
 * @param {Float32Array} input
 * @param {number} from
 * @param {number} low
 * @param {number} high
 */
function dot(row, input, from, low, high) {
  let a = 0, b = 0, i = low;
  for (; i + 1 < high; i += 2) {
    a += row[i] * input[from + i];
    b += row[i + 1] * input[from + i + 1];
  }
  if (i < high) a += row[i] * input[from + i];
  return a + b;
}

/** @param {Float32Array} a @param {Float32Array} b */
export function join(a, b) {
  const whole = new Float32Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
