/** What a player looks like, in light and dark; pages may set `--vaux-accent`. */

export const markup = document.createElement('template');
markup.innerHTML = `
<style>
  :host { display: block; min-width: 16rem; container-type: inline-size; font: 0.875rem/1.4 system-ui, sans-serif; }
  :host([hidden]) { display: none; }
  #box {
    --text: #1c1e21; --quiet: #5b6168; --back: #f3f4f6; --line: #d4d7dc;
    --accent: var(--vaux-accent, #1d5fd1); --on-accent: #fff;
    display: grid; grid-template-columns: auto 1fr auto; gap: 0.25rem 0.75rem; align-items: center;
    padding: 0.75rem; border: 1px solid var(--line); border-radius: 0.75rem;
    background: var(--back); color: var(--text);
  }
  @media (prefers-color-scheme: dark) {
    #box {
      --text: #e8eaed; --quiet: #a3a9b2; --back: #1f2228; --line: #3a3f47;
      --accent: var(--vaux-accent, #8ab4f8); --on-accent: #10131a;
    }
  }
  button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
  button:disabled { opacity: 0.5; cursor: default; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  #toggle {
    grid-row: 1 / 3; width: 2.75rem; height: 2.75rem; border-radius: 50%;
    background: var(--accent); color: var(--on-accent); display: grid; place-items: center;
  }
  #toggle svg { width: 1.25rem; height: 1.25rem; fill: currentColor; }
  #toggle .pause, #toggle.playing .play { display: none; }
  #toggle.playing .pause { display: block; }
  #box[aria-busy="true"] #toggle { animation: busy 1s ease-in-out infinite alternate; }
  @keyframes busy { to { opacity: 0.5; } }
  @media (prefers-reduced-motion: reduce) { #box[aria-busy="true"] #toggle { animation: none; } }
  #title { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  #time { justify-self: end; color: var(--quiet); font-variant-numeric: tabular-nums; white-space: nowrap; }
  #track { position: relative; height: 2.25rem; }
  #picture {
    --heard: var(--accent); --ahead: var(--quiet); --unknown: var(--line);
    position: absolute; inset: 0; width: 100%; height: 100%;
  }
  #seek { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: pointer; touch-action: pan-y; }
  #seek:focus-visible { opacity: 1; background: none; appearance: none; border-radius: 0.25rem; }
  #seek:focus-visible::-webkit-slider-thumb { appearance: none; width: 2px; height: 2.25rem; background: var(--accent); }
  #sound { display: flex; gap: 0.375rem; align-items: center; }
  #mute { width: 1.75rem; height: 1.75rem; display: grid; place-items: center; border-radius: 0.25rem; }
  #mute svg { width: 1.125rem; height: 1.125rem; fill: none; stroke: currentColor; stroke-width: 2; }
  #mute[aria-pressed="true"] .waves, #mute[aria-pressed="false"] .cross { display: none; }
  #volume { width: 4.5rem; accent-color: var(--accent); }
  #message { grid-column: 1 / -1; color: var(--text); }
  #message:empty { margin-top: -0.25rem; }
  @container (max-width: 30rem) {
    #title, #track { grid-column: 2 / -1; }
    #time { grid-area: 3 / 2; justify-self: start; }
    #sound { grid-area: 3 / 3; }
    #volume { display: none; }
  }
</style>
<div id="box" role="group" aria-label="Recording" aria-busy="false">
  <button id="toggle" type="button" aria-label="Play">
    <svg class="play" viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4v16l13-8z"/></svg>
    <svg class="pause" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 4h4v16H6zm8 0h4v16h-4z"/></svg>
  </button>
  <span id="title"></span>
  <span id="time" aria-hidden="true"></span>
  <div id="track">
    <canvas id="picture" aria-hidden="true"></canvas>
    <input id="seek" type="range" min="0" max="1" step="any" value="0" aria-label="Position" disabled>
  </div>
  <span id="sound">
    <button id="mute" type="button" aria-label="Mute" aria-pressed="false">
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M4 9v6h4l5 4V5L8 9z" fill="currentColor"/>
        <path class="waves" d="M16 9a4 4 0 0 1 0 6m2.5-9a8 8 0 0 1 0 12"/>
        <path class="cross" d="m17 9 5 6m0-6-5 6"/>
      </svg>
    </button>
    <input id="volume" type="range" min="0" max="1" step="0.05" value="1" aria-label="Volume">
  </span>
  <div id="message" role="alert"></div>
</div>`;
