// Opus packets to samples, with the enhancement of speech that Opus 1.5 calls NoLACE.
//
//   node opus_ml.mjs PRE_SKIP < packets > samples
//
// Packets of one mono stream, each after its length (32 bits, little-endian), become float32
// samples at 48 kHz. Needs the package @wasm-audio-decoders/opus-ml, beside this file or above it.
import { readFileSync } from "node:fs";
import { OpusMLDecoder } from "@wasm-audio-decoders/opus-ml";

const input = readFileSync(0);
const packets = [];
for (let at = 0; at < input.length; ) {
  const size = input.readUInt32LE(at);
  packets.push(new Uint8Array(input.subarray(at + 4, at + 4 + size)));
  at += 4 + size;
}
const decoder = new OpusMLDecoder({
  speechQualityEnhancement: "nolace",
  channels: 1,
  preSkip: Number(process.argv[2]),
});
await decoder.ready;
const { channelData, errors } = decoder.decodeFrames(packets);
if (errors.length) throw new Error(errors[0].message);
if (packets.length) {
  const { buffer, byteOffset, byteLength } = channelData[0];
  process.stdout.write(new Uint8Array(buffer, byteOffset, byteLength));
}
