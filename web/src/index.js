/** `.vx` files in a browser. */

export { VauxDecoder } from './decoder.js';
export { VauxDecoderWebWorker } from './decoder-client.js';
export { VauxFile } from './file/vaux-file.js';
export * from './errors.js';
