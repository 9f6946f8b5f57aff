/** Tags and pictures: what a `.vx` file carries beside the sound (docs/format.md, 5.1 to 5.6). */

import { FormatError, UnsupportedError } from '../errors.js';
import { Fields } from './fields.js';

const MAX_TAGS = 1024, MAX_TAG_BYTES = 1 << 18, MAX_TAGS_BYTES = 1 << 20;
const MAX_PICTURES = 32, MAX_FOREIGN = 256, MAX_DATA_BYTES = 16_000_000;

/**
 * @typedef {object} Picture
 * @property {number} kind as in ID3v2 and FLAC: 3 is the front cover
 * @property {string} mime
 * @property {string} description
 * @property {Uint8Array} data the image file, which may be malformed
 */

export class Metadata {
  constructor() {
    /** @type {Record<string, string>} */
    this.tags = Object.create(null);
    /** @type {Picture[]} */
    this.pictures = [];
    this.hasTags = false;
    this.foreign = 0;
    this.bytes = { pictures: 0, foreign: 0 };
  }

  /**
   * One more chunk before the first block.
   *
   * @param {import('./reader.js').Head} head
   * @param {Uint8Array} body
   */
  add(head, body) {
    if (head.kind === 't') this.#addTags(body);
    else if (head.kind === 'p') this.#addPicture(body);
    else if (head.kind === 'f') this.#checkForeign(body);
    else if (!head.optional) {
      throw new UnsupportedError(`chunk '${head.kind}' is unknown here: update vauxio`);
    }
  }

  /** @param {Uint8Array} body */
  #addTags(body) {
    if (this.hasTags) throw new FormatError('tags: there twice');
    this.hasTags = true;
    if (body.length > MAX_TAGS_BYTES) throw new FormatError('tags: too many bytes');
    const fields = new Fields(body, 'tags');
    const count = fields.number();
    if (count > MAX_TAGS) throw new FormatError(`${count} tags, at most ${MAX_TAGS} are allowed`);
    const seen = new Set();
    for (let i = 0; i < count; i++) {
      const key = fields.text(fields.number());
      const length = fields.number();
      const value = fields.text(length);
      if (!/^[ -<>-~]{1,64}$/.test(key)) throw new FormatError('tags: malformed key');
      if (length > MAX_TAG_BYTES || value.includes('\0')) {
        throw new FormatError(`tag '${key}': malformed text`);
      }
      if (seen.has(key.toLowerCase())) throw new FormatError(`tag '${key}': there twice`);
      seen.add(key.toLowerCase());
      this.tags[key] = value;
    }
    if (fields.rest().length) throw new FormatError('tags: more bytes than tags');
  }

  /** @param {Uint8Array} body */
  #addPicture(body) {
    const fields = new Fields(body, 'picture');
    const kind = fields.byte();
    const mime = fields.text(fields.number());
    const length = fields.number();
    const description = fields.text(length);
    const data = fields.rest();
    if (!/^[!-~]{1,64}$/.test(mime)) throw new FormatError('picture: no MIME type');
    if (length > 1024 || description.includes('\0')) {
      throw new FormatError('picture: malformed description');
    }
    this.pictures.push({ kind, mime, description, data });
    this.bytes.pictures += data.length;
    if (this.pictures.length > MAX_PICTURES || this.bytes.pictures > MAX_DATA_BYTES) {
      throw new FormatError(`at most ${MAX_PICTURES} pictures of ${MAX_DATA_BYTES} bytes fit`);
    }
  }

  /** @param {Uint8Array} body */
  #checkForeign(body) {
    const fields = new Fields(body, 'foreign metadata');
    for (let i = 0; i < 2; i++) {
      if (!/^[ -~]{1,64}$/.test(fields.text(fields.number()))) {
        throw new FormatError('foreign metadata: malformed name');
      }
    }
    this.foreign++;
    this.bytes.foreign += fields.rest().length;
    if (this.foreign > MAX_FOREIGN || this.bytes.foreign > MAX_DATA_BYTES) {
      throw new FormatError('more foreign metadata than is allowed');
    }
  }
}
