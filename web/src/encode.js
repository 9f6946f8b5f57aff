/** Recordings to `.vx` files in a browser. */

export { VauxEncoder } from './encoder.js';
export { VauxEncoderWebWorker } from './encoder-client.js';
export * from './errors.js';
