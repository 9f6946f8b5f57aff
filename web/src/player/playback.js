/**
 * An open file on the speakers: pieces are decoded a few seconds ahead of what is heard, and let go
 * of when they have been. So memory stays flat, however long the recording.
 */

const AHEAD = 8; // seconds that are decoded in advance
const SOON = 0.05; // seconds until the first piece is heard

export class Playback {
  /**
   * @param {import('../decoder-client.js').WorkerFile} file
   * @param {{ piece: (frame: number, channels: Float32Array[]) => void, end: () => void,
   *   error: (error: Error) => void }} tell what happens
   */
  constructor(file, tell) {
    this.file = file;
    this.tell = tell;
    this.context = new AudioContext();
    this.gain = this.context.createGain();
    this.gain.connect(this.context.destination);
    /** @type {Set<AudioBufferSourceNode>} */
    this.sources = new Set();
    this.run = 0; // counts seeks: what an earlier one began has no effect
    this.frame = 0; // that is heard at `time`
    this.time = 0;
    this.next = 0; // when the piece that is decoded next is heard
    this.started = false;
    this.wanted = false; // to be heard, perhaps only as soon as the browser lets it
  }

  /** The frame that is heard. */
  get position() {
    const { frame, time, next, context } = this;
    const heard = Math.min(context.currentTime, next) - time;
    return frame + Math.max(0, heard) * this.file.sampleRate;
  }

  /** @param {number} volume 0 to 1 */
  setVolume(volume) {
    this.gain.gain.setTargetAtTime(volume ** 2, this.context.currentTime, 0.01);
  }

  async play() {
    this.wanted = true;
    const resumed = this.context.resume();
    if (!this.started) this.#decode(this.frame);
    await resumed;
  }

  async pause() {
    this.wanted = false;
    await this.context.suspend();
  }

  /** @param {number} frame */
  seek(frame) {
    this.#stop();
    this.frame = frame;
    if (this.wanted) this.#decode(frame);
  }

  async close() {
    this.#stop();
    await Promise.allSettled([this.file.close(), this.context.close()]);
  }

  #stop() {
    this.run++;
    this.started = false;
    this.next = this.time = 0;
    for (const source of this.sources) source.stop();
    this.sources.clear();
  }

  /** Decode from there, as far ahead as is needed, to the end. @param {number} frame */
  async #decode(frame) {
    const run = ++this.run, { file, context } = this;
    this.started = true;
    this.frame = frame;
    try {
      if (file.position !== frame) await file.seek(frame);
      for (let at = frame; run === this.run; ) {
        if (this.next - context.currentTime > AHEAD) {
          await pause(100);
          continue;
        }
        const piece = await file.read();
        if (run !== this.run) return;
        if (!piece) break;
        this.#schedule(at, piece);
        this.tell.piece(at, piece);
        at += piece[0].length;
      }
      while (run === this.run && context.currentTime < this.next) await pause(50);
      if (run !== this.run) return;
      this.#stop();
      this.wanted = false;
      this.tell.end();
    } catch (error) {
      if (run !== this.run) return;
      while (run === this.run && context.currentTime < this.next) await pause(50); // what is whole
      if (run === this.run) {
        this.#stop();
        this.wanted = false;
      }
      this.tell.error(/** @type {Error} */ (error));
    }
  }

  /** @param {number} frame @param {Float32Array[]} channels */
  #schedule(frame, channels) {
    const { context, file } = this;
    const buffer = context.createBuffer(channels.length, channels[0].length, file.sampleRate);
    channels.forEach((own, ch) => buffer.copyToChannel(/** @type {Float32Array<ArrayBuffer>} */ (own), ch));
    if (this.next < context.currentTime + 0.01) { // the first, or it came too late
      this.next = context.currentTime + SOON;
      this.time = this.next;
      this.frame = frame;
    }
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    source.start(this.next);
    this.next += buffer.duration;
    this.sources.add(source);
    source.onended = () => {
      source.disconnect();
      this.sources.delete(source);
    };
  }
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
