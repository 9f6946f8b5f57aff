// Plays a .vx file of the visitor's, in the visitor's browser: nothing is sent anywhere.

const box = document.getElementById('own-file');
const input = box.querySelector('input'), state = box.querySelector('[role=status]');
const here = (path) => new URL(path, import.meta.url).href;

async function play(file) {
  try {
    await import('./vauxio/vaux-player.js');
  } catch {
    state.textContent = 'This copy of the site was built without the player.';
    return;
  }
  let player = box.querySelector('vaux-player');
  if (!player) {
    player = document.createElement('vaux-player');
    player.setAttribute('models', here('weights/'));
    player.setAttribute('runtime', here('onnxruntime-web/'));
    box.append(player);
  }
  state.textContent = '';
  player.setAttribute('title', file.name);
  player.srcObject = file;
  await player.play();
}

input.onchange = () => input.files.length && play(input.files[0]);
box.ondragover = (event) => {
  event.preventDefault();
  box.classList.add('over');
};
box.ondragleave = () => box.classList.remove('over');
box.ondrop = (event) => {
  event.preventDefault();
  box.classList.remove('over');
  if (event.dataTransfer.files.length) play(event.dataTransfer.files[0]);
};
