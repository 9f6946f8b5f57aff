/** One class for each way to fail; `name` says which, across workers too. */

/** Base of everything that this package throws on purpose. */
export class VauxError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = new.target.name;
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
 * An error as it was before it went through `postMessage`.
 *
 * @param {{name: string, message: string}} error
 * @returns {Error}
 */
export function revive({ name, message }) {
  const kind = CLASSES[/** @type {keyof typeof CLASSES} */ (name)];
  return kind ? new kind(message) : Object.assign(new Error(message), { name });
}
