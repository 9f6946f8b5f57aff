/** Recordings to `.vx` files in a browser. */

export { VauxEncoder } from './encoder.js';
export { VauxEncoderWebWorker } from './worker-client.js';
export * from './errors.js';
