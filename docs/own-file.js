// Encodes a recording of the visitor's, or plays a .vx file, in the visitor's browser: nothing is
// sent anywhere.

const box = document.getElementById('own-file');
const [input, bitrate, state, done, result] = ['input', 'select', '[role=status]', 'progress', '.result']
  .map((selector) => box.querySelector(selector));
const here = (path) => new URL(path, import.meta.url).href;
const RATE = 48000; // that browsers decode recordings to

let recording = null; // of the visitor's: samples, and its name
let work = 0; // numbers what is asked for: only the last counts
let Encoder = null; // the class
let encoder = null, busy = false; // and whether it is at work

async function take(file) {
  const own = ++work;
  recording = null;
  result.replaceChildren();
  state.textContent = '';
  done.hidden = true;
  try {
    await import('./vauxio/vaux-player.js');
    ({ VauxEncoderWebWorker: Encoder } = await import('./vauxio/encode.js'));
  } catch {
    state.textContent = 'This copy of the site was built without the player.';
    return;
  }
  if (file.name.endsWith('.vx')) {
    const player = makePlayer(file.name, file);
    result.replaceChildren(player);
    await player.play();
    return;
  }
  state.textContent = 'Reading';
  let audio;
  try {
    audio = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    if (own === work) state.textContent = `Your browser cannot read ${file.name} as a recording.`;
    return;
  }
  if (own !== work) return;
  recording = { file, audio };
  await encode();
}

async function encode() {
  if (!recording) return;
  const own = ++work, { file, audio } = recording;
  const channelData = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  const begin = performance.now();
  if (busy) encoder.free(); // of what nobody waits for any more
  if (busy || !encoder) {
    encoder = new Encoder({ models: here('weights/'), runtime: here('onnxruntime-web/') });
  }
  busy = true;
  state.textContent = 'Encoding';
  done.hidden = false;
  done.value = 0;
  try {
    const bytes = await encoder.encode({ channelData, sampleRate: audio.sampleRate }, {
      bitrate: bitrate.value * channelData.length,
      tags: { title: file.name },
      onProgress: (share) => (done.value = share),
    });
    if (own === work) show(file, audio, bytes, (performance.now() - begin) / 1000);
  } catch (error) {
    if (own === work) state.textContent = `It cannot be encoded: ${error.message}`;
  } finally {
    if (own === work) {
      busy = false;
      done.hidden = true;
    }
  }
}

function show(file, audio, bytes, seconds) {
  const kbps = (bytes.length * 8) / audio.duration / 1000;
  state.textContent = `${size(bytes.length)} instead of ${size(file.size)}: ${kbps.toFixed(1)} kbps. `
    + `Encoded in ${seconds.toFixed(1)} s.`;
  const encoded = new Blob([bytes]), name = `${file.name.replace(/\.\w+$/, '')}.vx`;
  const original = Object.assign(document.createElement('audio'), {
    controls: true, src: URL.createObjectURL(file),
  });
  original.setAttribute('aria-label', 'Original');
  const link = Object.assign(document.createElement('a'), {
    href: URL.createObjectURL(encoded), download: name, textContent: `Save ${name}`,
  });
  result.replaceChildren(makePlayer(file.name, encoded), paragraph('Original: ', original), paragraph(link));
}

function makePlayer(title, file) {
  const player = document.createElement('vaux-player');
  player.setAttribute('models', here('weights/'));
  player.setAttribute('runtime', here('onnxruntime-web/'));
  player.setAttribute('title', title);
  player.srcObject = file;
  return player;
}

function paragraph(...content) {
  const own = document.createElement('p');
  own.append(...content);
  return own;
}

const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

input.onchange = () => input.files.length && take(input.files[0]);
bitrate.onchange = encode;
box.ondragover = (event) => {
  event.preventDefault();
  box.classList.add('over');
};
box.ondragleave = () => box.classList.remove('over');
box.ondrop = (event) => {
  event.preventDefault();
  box.classList.remove('over');
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
};
