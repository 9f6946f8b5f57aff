/**
 * `<vaux-player src="talk.vx" models="/weights/">`: plays a `.vx` file.
 *
 * Its properties, methods and events are those of `<audio>` that there are here: `src`, `paused`,
 * `ended`, `currentTime`, `duration`, `volume`, `muted`, `error`, `play()`, `pause()`; `play`,
 * `playing`, `pause`, `ended`, `timeupdate`, `seeking`, `durationchange`, `volumechange`, `error`.
 */

import { Reader } from '../container/reader.js';
import { nameOf, openSource } from '../container/source.js';
import { VauxDecoderWebWorker } from '../decoder-client.js';
import { naming } from '../errors.js';
import { Playback } from './playback.js';
import { markup } from './markup.js';
import { Waveform } from './waveform.js';

/** @type {Map<string, VauxDecoderWebWorker>} players that have the same models share a worker */
const decoders = new Map();

export class VauxPlayer extends HTMLElement {
  static observedAttributes = ['src', 'title', 'models', 'runtime'];

  /** @type {Blob | null} */
  #blob = null;
  /** @type {Playback | null} */
  #playback = null;
  /** @type {Promise<Playback> | null} */
  #opening = null;
  #load = 0; // counts sources: what an earlier one began has no effect
  #described = -1; // the last of them that was asked for its length and title
  #wanted = 0; // seconds to begin with
  #intent = false; // to play
  #volume = 1;
  #muted = false;
  #title = '';

  constructor() {
    super();
    /** @type {number} in seconds; NaN as long as it is not known */
    this.duration = NaN;
    /** @type {Error | null} */
    this.error = null;
    this.ended = false;
    const root = this.attachShadow({ mode: 'open' });
    root.append(markup.content.cloneNode(true));
    const part = (/** @type {string} */ id) => /** @type {any} */ (root.getElementById(id));
    this.parts = {
      /** @type {HTMLElement} */ box: part('box'),
      /** @type {HTMLButtonElement} */ toggle: part('toggle'),
      /** @type {HTMLElement} */ title: part('title'),
      /** @type {HTMLInputElement} */ seek: part('seek'),
      /** @type {HTMLElement} */ time: part('time'),
      /** @type {HTMLButtonElement} */ mute: part('mute'),
      /** @type {HTMLInputElement} */ volume: part('volume'),
      /** @type {HTMLElement} */ message: part('message'),
    };
    this.waveform = new Waveform(part('picture'));
    this.resizes = new ResizeObserver(() => this.#show());
    this.#listen();
  }

  connectedCallback() {
    this.resizes.observe(this);
    if ((this.src || this.#blob) && Number.isNaN(this.duration) && !this.error) this.#describe();
    this.#show();
  }

  disconnectedCallback() {
    this.resizes.disconnect();
    const time = this.currentTime;
    this.pause();
    this.#unload();
    this.#wanted = time; // to go on from, if it has only been moved
  }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === 'title') this.#show();
    else if (name === 'src' || this.#opening) this.#reload();
  }

  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(address) {
    this.#blob = null;
    this.setAttribute('src', address);
  }

  /** A recording that has no address. @type {Blob | null} */
  get srcObject() {
    return this.#blob;
  }

  set srcObject(blob) {
    this.#blob = blob;
    this.#reload();
  }

  get paused() {
    return !this.#intent;
  }

  /** In seconds. */
  get currentTime() {
    const { file, position } = this.#playback ?? { file: null, position: 0 };
    return file && this.#playback ? position / file.sampleRate : this.#wanted;
  }

  set currentTime(seconds) {
    const time = Math.min(Math.max(0, Number(seconds) || 0), this.duration || 0);
    this.ended = false;
    if (this.#playback) {
      const { file } = this.#playback;
      this.#playback.seek(Math.min(Math.floor(time * file.sampleRate), file.frames ?? 0));
    }
    this.#wanted = time;
    this.#tell('seeking');
    this.#show();
  }

  /** 0 to 1 */
  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = Math.min(1, Math.max(0, Number(volume)));
    this.#setVolume();
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = !!muted;
    this.#setVolume();
  }

  /** Begin, or go on. */
  async play() {
    if (this.ended) this.currentTime = 0;
    this.#intent = true;
    this.#tell('play');
    this.#show();
    try {
      const load = this.#load;
      const playback = await (this.#opening ??= this.#open());
      if (load !== this.#load || !this.#intent) return;
      await playback.play();
      this.#tell('playing');
      this.#tick();
    } catch (error) {
      this.#fail(/** @type {Error} */ (error));
    }
  }

  pause() {
    if (!this.#intent) return;
    this.#intent = false;
    this.#playback?.pause();
    this.#tell('pause');
    this.#show();
  }

  #reload() {
    const was = this.#intent;
    this.#unload();
    this.error = null;
    this.ended = false;
    this.duration = NaN;
    this.#title = '';
    this.#wanted = 0;
    this.parts.message.textContent = '';
    this.waveform.clear(0);
    if (was) this.#tell('pause');
    if (this.isConnected && (this.src || this.#blob)) this.#describe();
    this.#show();
  }

  #unload() {
    this.#load++;
    this.#intent = false;
    this.#playback?.close();
    this.#playback = null;
    this.#opening = null;
  }

  /** Length and title, from the ends of the file: without models. */
  async #describe() {
    const load = this.#load;
    if (load === this.#described) return; // an element in a page is told of its source twice
    this.#described = load;
    try {
      const from = this.#blob ?? new URL(this.src, this.baseURI);
      const { header, metadata, frames } = await naming(nameOf(from), async () =>
        Reader.open(await openSource(from), false));
      if (load !== this.#load) return;
      this.#about((frames ?? 0) / header.sampleRate, metadata.tags);
    } catch (error) {
      if (load === this.#load) this.#fail(/** @type {Error} */ (error));
    }
  }

  /** @param {number} duration @param {Record<string, string>} tags */
  #about(duration, tags) {
    if (duration) this.duration = duration;
    const tag = (/** @type {string} */ name) =>
      Object.entries(tags).find(([key]) => key.toLowerCase() === name)?.[1].split('\n')[0];
    this.#title = [tag('artist'), tag('title')].filter(Boolean).join(' – ');
    this.#tell('durationchange');
    this.#show();
  }

  /** @returns {Promise<Playback>} */
  async #open() {
    const load = this.#load;
    this.parts.box.setAttribute('aria-busy', 'true');
    const models = new URL(this.getAttribute('models') ?? 'weights/', this.baseURI).href;
    const named = this.getAttribute('runtime');
    const runtime = named === null ? undefined : new URL(named, this.baseURI).href;
    const key = `${models} ${runtime}`;
    if (!decoders.has(key)) {
      decoders.set(key, new VauxDecoderWebWorker({ models, runtime, onError: 'conceal' }));
    }
    const decoder = /** @type {VauxDecoderWebWorker} */ (decoders.get(key));
    const file = await decoder.open(this.#blob ?? new URL(this.src, this.baseURI));
    if (load !== this.#load) {
      await file.close();
      throw new Error('another source was chosen');
    }
    const playback = new Playback(file, {
      piece: (frame, channels) => {
        this.parts.box.setAttribute('aria-busy', 'false');
        this.waveform.add(frame, channels);
        const { damage } = file;
        const lost = damage.reduce((sum, { start, stop }) => sum + stop - start, 0) / file.sampleRate;
        if (damage.length) {
          this.parts.message.textContent = lost
            ? `Damaged: ${spoken(lost)} could not be read.` : `Damaged: ${damage[0].message}.`;
        }
      },
      end: () => {
        if (load !== this.#load) return;
        this.#intent = false;
        this.ended = true;
        this.#wanted = this.duration;
        playback.frame = file.frames ?? 0;
        this.#tell('ended');
        this.#show();
      },
      error: (error) => load === this.#load && this.#fail(error),
    });
    this.#playback = playback;
    this.#about((file.frames ?? 0) / file.sampleRate, file.tags);
    this.waveform.clear(file.frames ?? 0);
    this.#setVolume();
    playback.frame = Math.min(Math.floor(this.#wanted * file.sampleRate), file.frames ?? 0);
    return playback;
  }

  /** @param {Error} error */
  #fail(error) {
    this.error = error;
    this.#intent = false;
    this.parts.box.setAttribute('aria-busy', 'false');
    this.parts.message.textContent = `Cannot be played: ${/** @type {any} */ (error).reason ?? error.message}.`;
    this.#tell('error');
    this.#show();
  }

  #setVolume() {
    this.#playback?.setVolume(this.#muted ? 0 : this.#volume);
    this.parts.volume.value = String(this.#muted ? 0 : this.#volume);
    this.parts.mute.setAttribute('aria-pressed', String(this.#muted));
    this.#tell('volumechange');
  }

  #tick() {
    const load = this.#load;
    const next = () => {
      if (load !== this.#load || !this.#intent) return;
      this.#tell('timeupdate');
      this.#show();
      setTimeout(next, 100);
    };
    next();
  }

  /** @param {string} event */
  #tell(event) {
    this.dispatchEvent(new Event(event));
  }

  #show() {
    const { toggle, title, seek, time } = this.parts, now = this.currentTime;
    const known = this.duration > 0;
    const name = this.getAttribute('title') || this.#title
      || lastPartOf(this.src) || 'Recording';
    title.textContent = name;
    this.parts.box.setAttribute('aria-label', name);
    toggle.setAttribute('aria-label', this.#intent ? 'Pause' : 'Play');
    toggle.classList.toggle('playing', this.#intent);
    toggle.disabled = !(this.src || this.#blob);
    seek.disabled = !known;
    seek.max = String(known ? this.duration : 1);
    if (!seek.matches(':active')) seek.value = String(now);
    const whole = known ? spoken(this.duration) : 'unknown length';
    seek.setAttribute('aria-valuetext', `${spoken(now)} of ${whole}`);
    time.textContent = `${clock(now)} / ${known ? clock(this.duration) : '–:––'}`;
    this.waveform.draw(known ? now / this.duration : 0);
  }

  #listen() {
    const { box, toggle, seek, mute, volume } = this.parts;
    toggle.onclick = () => (this.paused ? this.play() : this.pause());
    seek.oninput = () => (this.currentTime = seek.valueAsNumber);
    mute.onclick = () => (this.muted = !this.muted);
    volume.oninput = () => {
      this.volume = volume.valueAsNumber;
      this.muted = false;
    };
    box.onkeydown = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const onButton = event.composedPath()[0] instanceof HTMLButtonElement;
      const onVolume = event.composedPath()[0] === volume;
      const jump = { ArrowLeft: -5, ArrowRight: 5, j: -10, l: 10 }[event.key];
      if (event.key === 'k' || (event.key === ' ' && !onButton)) toggle.click();
      else if (event.key === 'm') mute.click();
      else if (jump && !onVolume) this.currentTime += jump;
      else return;
      event.preventDefault();
    };
  }
}

/** The last part of an address. @param {string} address */
function lastPartOf(address) {
  const name = address.split('/').pop() ?? '';
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // a % that stands for nothing
  }
}

/** 1:02:03 @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds), minutes = Math.floor(whole / 60) % 60;
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(whole % 60)}`;
}

/** "1 minute 2 seconds" @param {number} seconds */
function spoken(seconds) {
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / 3600), 'hour'], [Math.floor(whole / 60) % 60, 'minute'], [whole % 60, 'second']];
  const said = parts.filter(([n], i) => n || (i === 2 && whole < 1));
  return said.map(([n, unit]) => `${n} ${unit}${n === 1 ? '' : 's'}`).join(' ');
}

if (!customElements.get('vaux-player')) customElements.define('vaux-player', VauxPlayer);
