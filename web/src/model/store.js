/**
 * Models: fetched once from where the page says, by hash, and kept in the browser's cache.
 *
 * A folder of models has a `model.json` for each, and the files that it names: the repository's
 * `weights/`. A file is used only if its SHA-256 is the one in `model.json`, and only for `.vx`
 * files of the model's code space.
 */

import { ModelError } from '../errors.js';
import { LanguageModel } from '../entropy/language-model.js';
import { setNumber } from './onnx.js';
import { openSession } from './runtime.js';
import { sha256 } from './sha256.js';

const CACHE = 'vauxio-models';

/**
 * What `model.json` says of a model of tokens, or of a transform codec.
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {string} [kind] 'transform', or nothing
 * @property {string} [code_space] what codes mean to it
 * @property {number} samplerate
 * @property {number} hop samples of a token
 * @property {number} delay samples by which the decoder's output comes late
 * @property {number} codebooks
 * @property {number} codebook_size
 * @property {number} default_bitrate kbps per channel
 * @property {number[]} [distortions] that qualities allow
 * @property {Asset & { state: number }} encoder
 * @property {Asset & { state: number, receptive_field: number }} decoder
 * @property {Asset} static
 * @property {Asset} [lm]
 * @property {Asset} tables of a transform codec
 * @property {Enhancement} [enhancer] of a transform codec, for speech of few bits
 * @property {string} base where its files are
 */

/** @typedef {{ file: string, sha256: string }} Asset */
/** @typedef {Asset & { state: number, hop: number, delay: number }} Enhancement */

export class Store {
  /**
   * @param {(string | URL)[]} folders addresses of folders of models
   * @param {{ cache?: boolean }} [options]
   */
  constructor(folders, { cache = true } = {}) {
    this.folders = folders.map((folder) => String(folder).replace(/\/?$/, '/'));
    this.cache = cache && typeof caches !== 'undefined' ? caches.open(CACHE) : null;
    /** @type {Map<string, Promise<Model>>} */
    this.models = new Map();
    /** @type {Map<string, Promise<any>>} what has been made of files, by their hash */
    this.made = new Map();
  }

  /** @param {Model} model @param {Asset} asset @returns {Promise<LanguageModel>} */
  languageModel(model, asset) {
    return this.#once(asset.sha256, async () =>
      LanguageModel.load(await this.load(model, asset)));
  }

  /** Tables of a transform codec. @param {Model} model @returns {Promise<import('../codec/hifi/tables.js').Tables>} */
  tables(model) {
    return this.#once(model.tables.sha256, async () => {
      const { Tables } = await import('../codec/hifi/tables.js');
      return Tables.load(await this.load(model, model.tables));
    });
  }

  /**
   * A network of a model, as it is.
   *
   * @param {import('./runtime.js').Ort} ort
   * @param {Model} model
   * @param {Asset} network
   * @returns {Promise<import('./runtime.js').Session>}
   */
  session(ort, model, network) {
    return this.#once(network.sha256, async () =>
      openSession(ort, await this.load(model, network), model.name));
  }

  /** The network that enhances what a transform codec has decoded. @param {import('./runtime.js').Ort} ort @param {Model} model */
  enhancer(ort, model) {
    return this.session(ort, model, /** @type {Enhancement} */ (model.enhancer));
  }

  /**
   * The encoder's network, that looks for so many codes.
   *
   * @param {import('./runtime.js').Ort} ort
   * @param {Model} model
   * @param {number} codebooks
   * @returns {Promise<import('./runtime.js').Session>}
   */
  encoder(ort, model, codebooks) {
    return this.#once(`${model.encoder.sha256} ${codebooks}`, async () => {
      const content = await this.load(model, model.encoder);
      setNumber(content, 'codebooks', codebooks); // a default that this runtime cannot override
      return openSession(ort, content, model.name);
    });
  }

  /** Let go of what has been made. */
  async free() {
    const made = await Promise.allSettled(this.made.values());
    this.made.clear();
    for (const { value } of /** @type {any[]} */ (made)) await value?.release?.();
  }

  /**
   * @template T
   * @param {string} key
   * @param {() => Promise<T>} make
   * @returns {Promise<T>}
   */
  #once(key, make) {
    let found = this.made.get(key);
    if (!found) {
      this.made.set(key, (found = make()));
      found.catch(() => this.made.delete(key)); // to be tried again
    }
    return found;
  }

  /**
   * The model of that name that knows what the codes of a file mean.
   *
   * @param {string} name as a file has it: never part of an address but as one folder's name
   * @param {string} codeSpace in hexadecimal
   * @returns {Promise<Model>}
   */
  async find(name, codeSpace) {
    const other = [];
    for (const folder of this.folders) {
      let model;
      try {
        model = await this.#describe(folder, name);
      } catch (error) {
        other.push(/** @type {Error} */ (error).message);
        continue;
      }
      const own = model.code_space ?? model.tables?.sha256.slice(0, 16);
      if (own === codeSpace) return model;
      other.push(`${folder}${name} has ${own}`);
    }
    throw new ModelError(`needs ${name} with code space ${codeSpace}: ${other.join('; ')}`);
  }

  /** The first model of that name. @param {string} name @returns {Promise<Model>} */
  async describe(name) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) throw new ModelError(`no name of a model: ${name}`);
    const tried = await Promise.allSettled(this.folders.map((folder) => this.#describe(folder, name)));
    for (const { value } of /** @type {any[]} */ (tried)) if (value) return value;
    throw /** @type {PromiseRejectedResult} */ (tried[0]).reason;
  }

  /** @param {string} folder @param {string} name @returns {Promise<Model>} */
  #describe(folder, name) {
    const url = `${folder}${name}/model.json`;
    let found = this.models.get(url);
    if (!found) {
      found = this.#json(url).then((model) => ({ ...model, base: `${folder}${name}/` }));
      found.catch(() => this.models.delete(url)); // to be tried again
      this.models.set(url, found);
    }
    return found;
  }

  /** A description may change, so the cache has it for when there is no network. @param {string} url */
  async #json(url) {
    const cache = await this.cache?.catch(() => null);
    try {
      const response = await fetch(url);
      if (!response.ok) throw new ModelError(`${url}: HTTP status ${response.status}`);
      await cache?.put(absolute(url), response.clone()).catch(() => {});
      return await response.json();
    } catch (error) {
      const kept = await cache?.match(absolute(url));
      if (kept) return kept.json();
      throw error instanceof ModelError ? error : new ModelError(`${url}: ${error}`);
    }
  }

  /**
   * The content of a model's file, of the right hash.
   *
   * @param {Model} model
   * @param {Asset} asset
   * @returns {Promise<Uint8Array>}
   */
  async load(model, asset) {
    const url = model.base + asset.file;
    const key = absolute(`${model.base}${asset.sha256}`);
    const cache = await this.cache?.catch(() => null); // pages may be denied it
    const kept = await cache?.match(key);
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if ((await sha256(bytes)) === asset.sha256) return bytes;
    }
    const response = await fetch(url);
    if (!response.ok) throw new ModelError(`${url}: HTTP status ${response.status}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if ((await sha256(bytes)) !== asset.sha256) {
      throw new ModelError(`${url}: damaged (its SHA-256 is not the one in model.json)`);
    }
    await cache?.put(key, new Response(bytes)).catch(() => {}); // the disk may be full
    return bytes;
  }
}

/** @param {string} url */
const absolute = (url) => new URL(url, globalThis.location?.href).href;
