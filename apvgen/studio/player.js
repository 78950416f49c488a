// Steps, plays and jumps through the frames of the open project. The frame slider is the source of truth: everything
// here moves it or follows it. Pictures are asked for over gradio's server functions, since its event queue costs
// about 100 ms an event.
//
// A region is an element with `data-draw` (name of the server function), `data-spec` (what to draw, as JSON; the state
// of its project is part of it) and `data-at` (the frame it shows). Its `img`s are the pictures in their order, and its
// `[data-words]` says something about the frame. Anything with `data-frame` jumps there when it is clicked, and
// anything with `data-jump` jumps to the clicked place of its time axis.

const AHEAD = 50; // frames drawn before they are due
const IN_FLIGHT = 3;
const LATE = 12; // frames that a picture may lag behind while playing
const KEPT = 400; // drawn frames, about 40 MB
const PAUSE = 600; // ms without a key after which a typed frame is meant

const drawn = new Map(); // key of a frame -> its answer, oldest first
const pending = new Set(); // keys of frames on their way
let latency = 100; // ms from asking to the answer, a moving average
let typed = null; // into the frame's field, and not yet left there
let telling; // the timer of a pause in typing
let playing = null; // where the clock began: { frame, since, sound }, and the frame that it set last: at

const slider = () => document.querySelector("#frame input[type=range]");
const field = () => document.querySelector("#frame input[type=number]");
const ready = () => slider() !== null && !slider().disabled;
const frame = () => Number(slider().value);
const last = () => Number(slider().max);
const transport = () => element.querySelector(".transport");
const fps = () => Number(transport().dataset.fps);
const speed = () => Number(transport().querySelector("[data-speed]").value);
const audio = () => transport().querySelector("audio");
const audible = () => audio()?.readyState >= 2 && transport().querySelector("[data-sound]").checked;
const key = (region, t) => [region.dataset.draw, t, region.dataset.spec].join("|");

function visible(region) {
  const box = region.getBoundingClientRect();
  return box.height > 0 && box.top < innerHeight && box.bottom > 0;
}

async function ask(region, t) {
  const place = key(region, t);
  const began = performance.now();
  pending.add(place);
  const answer = await server[region.dataset.draw]({ spec: region.dataset.spec, t }).catch(() => null);
  pending.delete(place);
  latency += 0.2 * (performance.now() - began - latency);
  drawn.set(place, answer ?? { error: "The studio does not answer; is the program still running?" });
  if (drawn.size > KEPT) drawn.delete(drawn.keys().next().value);
}

function paint(region, t) {
  const answer = drawn.get(key(region, t));
  const words = region.querySelector("[data-words]");
  if (words) words.textContent = answer.error ?? answer.words;
  words?.classList.toggle("bad", Boolean(answer.error));
  region.querySelectorAll("img").forEach((image, k) => (image.src = answer.pictures?.[k] ?? image.src));
  region.dataset.at = t;
  if (answer.error) drawn.delete(key(region, t)); // the next visit may fare better
}

function show(region, t) {
  if (region.dataset.at === String(t)) return;
  if (drawn.has(key(region, t))) paint(region, t);
  else if (playing) showLate(region, t);
  else if (!region.asking) {
    region.asking = true;
    ask(region, t).then(() => {
      region.asking = false;
      // Even if the slider has moved on: a dragged one shows what it passes. But another look may have come meanwhile.
      if (!playing && drawn.has(key(region, t))) paint(region, t);
    });
  }
}

function showLate(region, due) {
  // A picture that came too late is still better than none.
  const at = Number(region.dataset.at);
  const oldest = Math.max(at < due ? at + 1 : 0, due - LATE);
  for (let t = due - 1; t >= oldest; t--) {
    if (drawn.has(key(region, t))) return paint(region, t);
  }
}

function fetchAhead(region, due) {
  // A frame that cannot come in time is not asked for, so that a slow machine skips frames instead of falling behind.
  const soonest = due + Math.ceil((latency / 1000) * fps() * speed());
  const end = Math.min(last(), due + AHEAD);
  for (let t = Math.min(soonest, end); t <= end && pending.size < IN_FLIGHT; t++) {
    const place = key(region, t);
    if (!drawn.has(place) && !pending.has(place)) ask(region, t);
  }
}

function slide(t) {
  slider().value = t;
  slider().style.setProperty("--range_progress", `${(100 * t) / last()}%`);
}

function move(t) {
  const clamped = Math.min(Math.max(Math.round(t), 0), last());
  slide(clamped);
  field().value = clamped;
  return clamped;
}

function tell() {
  slider().dispatchEvent(new Event("input", { bubbles: true })); // for those who listen in Python
}

function jump(t) {
  move(t);
  tell();
}

function start(from) {
  playing = { frame: from, since: performance.now(), sound: audible(), at: from };
  if (!playing.sound) return;
  audio().playbackRate = speed();
  audio().currentTime = from / fps();
  audio().play().catch((error) => {
    if (error.name !== "AbortError") throw error; // stopped before it began
  });
}

function pause() {
  playing = null;
  audio()?.pause();
  jump(frame());
}

function toggle() {
  if (playing) pause();
  else start(frame() >= last() ? move(0) : frame());
}

function labelPlay() {
  const button = transport()?.querySelector("[data-do=play]");
  const pressed = String(playing !== null);
  if (!button || button.getAttribute("aria-pressed") === pressed) return;
  button.setAttribute("aria-pressed", pressed);
  button.textContent = playing ? "Pause" : "Play";
}

function advance() {
  const moved = frame() !== playing.at; // by somebody
  const arrived = audible() && !playing.sound; // the voice, after playing began
  if (moved || arrived) start(frame());
  const passed = ((performance.now() - playing.since) / 1000) * speed();
  const clock = playing.sound ? audio().currentTime * fps() : playing.frame + passed * fps();
  playing.at = move(Math.floor(clock + 0.01));
  if (playing.at >= last() || (playing.sound && audio().ended)) pause();
}

function loop() {
  requestAnimationFrame(loop);
  if (!ready() || !transport()) playing = null;
  if (playing) advance();
  labelPlay();
  if (!ready() || !transport()) return;
  const regions = [...document.querySelectorAll("[data-draw]")].filter(visible);
  regions.forEach((region) => show(region, frame()));
  if (playing) regions.forEach((region) => fetchAhead(region, frame()));
  document.body.style.setProperty("--playhead", frame() / last());
}

function step(by) {
  if (playing) pause();
  jump(frame() + by);
}

// What is typed into the frame's field is shown at once, and told to gradio only when the typing pauses or ends: gradio
// answers what is no frame with an error, and writes its own number over what is typed while an answer comes. What is
// left in the field becomes the nearest frame.
function isFrame(text) {
  return /^\d+$/.test(text) && Number(text) <= last();
}

function hear() {
  clearTimeout(telling);
  typed = field().value.trim();
  if (!isFrame(typed)) return;
  slide(Number(typed));
  telling = setTimeout(tell, PAUSE);
}

function commit() {
  clearTimeout(telling);
  if (typed !== null) jump(typed === "" ? frame() : Number(typed));
  typed = null;
}

document.addEventListener(
  "input",
  (event) => {
    if (event.target !== field()) return;
    event.stopImmediatePropagation();
    hear();
  },
  { capture: true },
);

for (const name of ["change", "focusout"]) {
  document.addEventListener(name, (event) => {
    if (event.target === field()) commit();
  });
}

document.addEventListener("focusin", (event) => {
  if (event.target !== field()) return;
  typed = null;
  if (playing) pause(); // it would write over what is typed
});

document.addEventListener("pointerdown", (event) => {
  if (playing && [slider(), field()].includes(event.target)) pause();
});

element.addEventListener("click", (event) => {
  const action = event.target.closest("[data-do]")?.dataset.do;
  if (!action || !ready()) return;
  if (action === "play") toggle();
  else step(Number(action));
});

element.addEventListener("change", () => {
  if (playing) start(frame()); // at another speed, with or without sound
});

function bringIntoSight() {
  // Together with the pictures, so that the next step needs no way back.
  const { top } = transport().getBoundingClientRect();
  const { bottom } = document.querySelector("#pictures").getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) transport().scrollIntoView({ block: "start" });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-frame]");
  const axis = event.target.closest("[data-jump]");
  if (!ready()) return;
  if (button) jump(Number(button.dataset.frame));
  if (button && !button.closest("#lab")) bringIntoSight();
  if (!axis) return;
  const box = axis.getBoundingClientRect();
  jump(((event.clientX - box.left) / box.width) * last());
});

function keyInField(event) {
  const undoes = (event.ctrlKey || event.metaKey) && ["y", "z"].includes(event.key.toLowerCase());
  if (undoes) event.preventDefault(); // the browser's own undo would move frames
  if (event.key === "Enter") field().blur(); // and so commits
}

document.addEventListener("keydown", (event) => {
  if (event.target === field()) keyInField(event);
  if (!ready() || event.ctrlKey || event.metaKey || event.altKey) return;
  const ours = !event.target.closest("input, textarea, select, video, audio, [contenteditable], [role=tab]");
  const pressable = event.target.closest("button, a, summary");
  const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === " " && !pressable && (ours || event.target === slider())) toggle();
  else if (steps && ours) step(event.shiftKey ? 10 * steps : steps);
  else return;
  event.preventDefault();
});

loop();
