/** A Web Worker that decodes or encodes: calls go there, results come back. */

import { revive } from './errors.js';

/** @typedef {{ resolve: (value: any) => void, reject: (error: Error) => void, onProgress?: (share: number) => void }} Call */

/** A worker that is told what to do, one thing after the other. */
export class Remote {
  #calls = 0;
  /** @type {Map<number, Call>} */
  #waiting = new Map();
  #worker;

  /** @param {{ models: any, runtime?: any }} options @param {string} kind */
  constructor(options, kind) {
    if (!options?.models) throw new TypeError('models: the address of the folder of models is needed');
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data: { call, result, error, progress } }) => {
      const waiting = this.#waiting.get(call);
      if (progress !== undefined) return waiting?.onProgress?.(progress);
      this.#waiting.delete(call);
      if (error) waiting?.reject(revive(error));
      else waiting?.resolve(result);
    };
    this.#worker.onerror = (event) => this.#fail(new Error(event.message || 'the worker failed'));
    const models = Array.isArray(options.models) ? options.models : [options.models];
    /** Resolves when it can be used. @type {Promise<void>} */
    this.ready = this.call('start', [kind, {
      ...options,
      models: models.map(absolute), // a worker's addresses are relative to its script
      ...(options.runtime === undefined ? {} : { runtime: absolute(options.runtime) }),
    }]);
    this.ready.catch(() => {});
  }

  /**
   * @param {string} method
   * @param {any[]} [args]
   * @param {(share: number) => void} [onProgress]
   * @returns {Promise<any>}
   */
  call(method, args = [], onProgress) {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject, onProgress });
      const streams = args.filter((arg) => arg instanceof ReadableStream);
      this.#worker.postMessage({ call, method, args }, streams);
    });
  }

  /** End the worker. @param {string} what */
  end(what) {
    this.#worker.terminate();
    this.#fail(new Error(`the ${what} was freed`));
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** @param {string | URL} url */
export const absolute = (url) => new URL(url, globalThis.location?.href).href;
