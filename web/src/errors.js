/** One class for each way to fail; `name` says which, across workers too. */

/** Base of everything that this package throws on purpose. */
export class VauxError extends Error {
  /** @param {string} reason @param {string | null} [fileName] */
  constructor(reason, fileName = null) {
    super(fileName === null ? reason : `${fileName}: ${reason}`);
    // Not `new.target.name`: bundlers rename classes.
    this.name = Object.entries(CLASSES).find(([, kind]) => kind === new.target)?.[0] ?? 'VauxError';
    /** The file that could not be read, if it has a name. The message begins with it. */
    this.fileName = fileName;
  }

  /** The message without the file's name. */
  get reason() {
    return this.message.slice(this.fileName === null ? 0 : this.fileName.length + 2);
  }
}

/** Not a `.vx` file, or a malformed one. */
export class FormatError extends VauxError {}

/** A `.vx` file that ends before its end. */
export class TruncatedError extends FormatError {}

/** Stored bytes or decoded codes that differ from what was written. */
export class ChecksumError extends FormatError {}

/** A `.vx` file that needs something this version does not have. */
export class UnsupportedError extends FormatError {}

/** A `.vx` file with more frames than its reader was told to accept. */
export class LimitError extends VauxError {}

/** A model that cannot be had, is damaged, or is not the one that a file was written with. */
export class ModelError extends VauxError {}

const CLASSES = {
  VauxError, FormatError, TruncatedError, ChecksumError, UnsupportedError, LimitError, ModelError,
};

/**
 * Within, a file is read: errors say which, if it has a name.
 *
 * @template T
 * @param {string | null} fileName
 * @param {() => Promise<T>} read
 * @returns {Promise<T>}
 */
export async function naming(fileName, read) {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof VauxError) || error.fileName !== null) throw error;
    throw revive({ name: error.name, reason: error.message, fileName });
  }
}

/**
 * An error as it was before it went through `postMessage`.
 *
 * @param {{name: string, reason: string, fileName?: string | null}} error
 * @returns {Error}
 */
export function revive({ name, reason, fileName }) {
  const kind = CLASSES[/** @type {keyof typeof CLASSES} */ (name)];
  return kind ? new kind(reason, fileName) : Object.assign(new Error(reason), { name });
}
