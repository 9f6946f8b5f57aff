// What the container and the coders make of a file, without its model: for files of made-up models.

import { Reader } from '/web/src/container/reader.js';
import { openSource } from '/web/src/container/source.js';
import { BlockReader, CodeReader } from '/web/src/file/blocks.js';
import { RangeDecoder } from '/web/src/entropy/exact.js';
import { LanguageModel } from '/web/src/entropy/language-model.js';
import { decodePayload } from '/web/src/codec/hifi/payload.js';
import { Tables } from '/web/src/codec/hifi/tables.js';
import { StaticCoder } from '/web/src/entropy/codes.js';

/**
 * All codes, in token order of each block, and what the container says.
 *
 * `lm` is the address of a language model, `table` that of a static coder, [codebooks][1024].
 */
export async function codesOf(address, { lm, table, stream } = {}) {
  const codes = [], levels = [], values = [], counts = [];
  let blocks = 0;
  try {
    const response = await fetch(address);
    const source = await openSource(stream ? response : new Uint8Array(await response.arrayBuffer()));
    const reader = await Reader.open(source);
    const model = { name: 'test-model', codebook_size: 1024 };
    const own = new CodeReader(new BlockReader(reader), model, await RangeDecoder.load());
    if (lm) {
      const content = await (await fetch(lm)).arrayBuffer();
      own.lm = await LanguageModel.load(new Uint8Array(content));
    } else if (table) own.static = new StaticCoder(Uint16Array.from(table), 1024);
    for (let block; (block = await own.take(blocks, false)); blocks++) {
      codes.push(Array.from(block.codes));
      levels.push(Array.from(block.levels));
      values.push(Array.from(block.values));
      counts.push(Array.from(block.counts));
    }
    if (!reader.complete) throw reader.fault;
    const { header, frames, tokens, metadata } = reader;
    return { header, frames, tokens, codes, levels, values, counts, tags: { ...metadata.tags } };
  } catch (error) {
    return { error: error.name, message: error.message, blocks };
  }
}

/** The checksum of the values in a payload of the transform codec. */
export async function checksumOf(address, channels, frames) {
  const bytes = async (from) => new Uint8Array(await (await fetch(from)).arrayBuffer());
  const tables = await Tables.load(await bytes('/weights/hifi-48k/entropy.npz'));
  return decodePayload(await bytes(address), channels, frames, tables).checksum;
}
