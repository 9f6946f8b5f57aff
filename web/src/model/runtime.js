/** ONNX Runtime Web: loaded once, from where the page says. */

import { ModelError } from '../errors.js';

/** @typedef {typeof import('onnxruntime-web')} Ort */
/** @typedef {import('onnxruntime-web').InferenceSession} Session */

/** @type {Promise<Ort> | undefined} */
let loading;

/**
 * @param {{ runtime?: string | URL, threads?: number }} options `runtime`: the address of the
 *   folder `onnxruntime-web/dist`; where it is not given, whatever bundles the page finds it
 * @returns {Promise<Ort>}
 */
export function loadRuntime({ runtime, threads }) {
  loading ??= (async () => {
    const folder = runtime === undefined ? undefined : String(runtime).replace(/\/?$/, '/');
    /** @type {Ort} */
    let ort;
    try {
      ort = folder === undefined
        ? await import('onnxruntime-web/wasm')
        : await import(/* @vite-ignore */ /* webpackIgnore: true */ `${folder}ort.wasm.min.mjs`);
    } catch (error) {
      throw new ModelError(`ONNX Runtime cannot be loaded: ${error}`);
    }
    if (folder !== undefined) ort.env.wasm.wasmPaths = folder;
    const isolated = globalThis.crossOriginIsolated; // else there are no threads
    const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
    ort.env.wasm.numThreads = threads ?? (isolated ? Math.min(4, cores) : 1);
    ort.env.logLevel = 'error';
    return ort;
  })();
  loading.catch(() => (loading = undefined)); // to be tried again
  return loading;
}

/** @param {Ort} ort @param {Uint8Array} content @param {string} name @returns {Promise<Session>} */
export async function openSession(ort, content, name) {
  try {
    return await ort.InferenceSession.create(content, {
      executionProviders: ['wasm'], logSeverityLevel: 3,
    });
  } catch (error) {
    throw new ModelError(`${name}: onnxruntime-web cannot load it: ${error}`);
  }
}
