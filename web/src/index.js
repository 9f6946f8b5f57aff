/** `.vx` files in a browser. */

export { VauxDecoder } from './decoder.js';
export { VauxDecoderWebWorker } from './worker-client.js';
export { VauxFile } from './file/vaux-file.js';
export * from './errors.js';
