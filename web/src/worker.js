/** Decoder or encoder in a Web Worker: does what `remote.js` asks, one thing after the other. */

/** @type {import('./decoder.js').VauxDecoder} */
let decoder;
/** @type {import('./encoder.js').VauxEncoder} */
let encoder;
/** @type {Map<number, import('./file/vaux-file.js').VauxFile>} */
const files = new Map();
/** @type {Map<number, AbortController>} */
const aborts = new Map();
let opened = 0;

/** @type {Record<string, (...args: any[]) => any>} */
const methods = {
  async start(kind, options) {
    if (kind === 'encoder') {
      const { VauxEncoder } = await import('./encoder.js');
      encoder = new VauxEncoder(options);
      return encoder.ready;
    }
    const { VauxDecoder } = await import('./decoder.js');
    decoder = new VauxDecoder(options);
    return decoder.ready;
  },
  encode: (recording, wishes) => encoder.encode(recording, {
    ...wishes, onProgress: (/** @type {number} */ progress) => postMessage({ call: current, progress }),
  }),
  decode: (bytes) => decoder.decode(bytes),
  decodeFile: (from, name) => decoder.decodeFile(from, { name }),
  flush: () => decoder.flush(),
  reset: () => decoder.reset(),
  free: () => decoder.free(),
  async open(from, name) {
    const abort = new AbortController();
    const file = await decoder.open(from, { name, signal: abort.signal });
    const id = opened++;
    files.set(id, file);
    aborts.set(id, abort);
    const { sampleRate, channels, model, tags, pictures, seekable } = file;
    return {
      id, name, sampleRate, channels, model, tags: { ...tags }, pictures, seekable, ...about(file),
    };
  },
  seek(id, frame) {
    fileOf(id).seek(frame);
  },
  async read(id) {
    const file = fileOf(id), piece = await file.read();
    return { piece, position: file.position, ...about(file) };
  },
  close(id) {
    aborts.get(id)?.abort();
    aborts.delete(id);
    files.delete(id);
  },
};

/** @param {number} id */
function fileOf(id) {
  const file = files.get(id);
  if (!file) throw new Error('the file is closed');
  return file;
}

/** What may change as a file is read. @param {import('./file/vaux-file.js').VauxFile} file */
const about = ({ frames, damage }) => ({ frames, damage });

/** The call that is worked on. */
let current = 0;
let last = Promise.resolve();

addEventListener('message', ({ data: { call, method, args } }) => {
  last = last.then(async () => {
    current = call;
    try {
      const result = await methods[method](...args);
      const samples = result?.channelData ?? result?.piece ?? [];
      const buffers = samples.map((/** @type {Float32Array} */ own) => own.buffer);
      postMessage({ call, result }, { transfer: [...new Set(buffers)] });
    } catch (error) {
      const { name, message, reason = message, fileName } = /** @type {any} */ (error);
      postMessage({ call, error: { name, reason, fileName } });
    }
  });
});
