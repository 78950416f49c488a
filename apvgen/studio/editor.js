// Drags points, follows the frame slider, and undoes by keys. A drag ends in the event `apply` with part, point, and
// x, y in pixels of the driving video; a click without a drag in `select`.

const slider = () => document.querySelector("#frame input[type=range]");
const root = () => element.querySelector(".editor");
const REST = 140; // ms that the slider rests before the editor follows it
const FAR = 3; // px on the screen from which a press is a drag
const PATIENCE = 500; // ms until a server that did not answer is asked again; every time twice as long
const LONGEST = 30000; // ms, of those
const TURN = 3000; // ms after which an undo is taken to have failed

let drag = null; // { dot, svg, from, moved }
let wanted = null; // the frame that the slider is at, and since when
let asking = false;
let silent = { wait: PATIENCE, until: 0 }; // after an answer that did not come
let turns = []; // buttons to be pressed by keys, Undo or Redo, in order
let pressed = null; // what the editor showed when one was pressed, and when

function place(event, svg) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [at.x, at.y];
}

function put(dot, [x, y]) {
  dot.setAttribute("cx", x);
  dot.setAttribute("cy", y);
  for (const line of dot.ownerSVGElement.querySelectorAll(`line[data-part="${dot.dataset.part}"]`)) {
    const [start, end] = line.dataset.ends.split(" ");
    if (start === dot.dataset.point) (line.setAttribute("x1", x), line.setAttribute("y1", y));
    if (end === dot.dataset.point) (line.setAttribute("x2", x), line.setAttribute("y2", y));
  }
}

function nearest(event, svg) {
  // A finger is wider than a point: the nearest one within reach is meant.
  const reach = event.pointerType === "touch" ? 28 : 12;
  let best = null;
  for (const dot of svg.querySelectorAll("circle")) {
    const box = dot.getBoundingClientRect();
    const away = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
    if (away <= Math.max(reach, box.width / 2) && (!best || away < best.away)) best = { dot, away };
  }
  return best?.dot;
}

function choose(dot) {
  element.querySelectorAll("circle.chosen").forEach((other) => other.classList.remove("chosen"));
  dot.classList.add("chosen");
}

element.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest("svg");
  const dot = svg && nearest(event, svg);
  if (!dot || event.button) return;
  event.preventDefault();
  svg.setPointerCapture(event.pointerId);
  choose(dot);
  drag = { dot, svg, from: [event.clientX, event.clientY], moved: false };
});

element.addEventListener("pointermove", (event) => {
  if (!drag) return;
  drag.moved ||= Math.hypot(event.clientX - drag.from[0], event.clientY - drag.from[1]) >= FAR;
  if (drag.moved) put(drag.dot, place(event, drag.svg));
});

function finish(event) {
  if (!drag) return;
  const { dot, svg, moved } = drag;
  drag = null;
  const what = { part: dot.dataset.part, point: Number(dot.dataset.point) };
  if (!moved) return trigger("select", what);
  const [x, y] = place(event, svg);
  trigger("apply", { ...what, x, y, t: Number(root().dataset.at) });
}

element.addEventListener("pointerup", finish);
element.addEventListener("pointercancel", () => {
  drag = null;
  root().dataset.at = -1; // draw again what is stored
});

async function ask(spec, t) {
  asking = true;
  const answer = await server.editor_frame({ spec, t }).catch(() => null); // undefined without a connection
  asking = false;
  if (!answer) return waitLonger();
  silent = { wait: PATIENCE, until: 0 };
  if (root()?.dataset.spec !== spec || drag) return;
  if (answer.error) say(answer.error);
  else if (answer.svg) root().innerHTML = answer.svg;
  root().dataset.at = t; // also of an error: asked again, it would be the same
}

function waitLonger() {
  silent = { wait: Math.min(2 * silent.wait, LONGEST), until: performance.now() + silent.wait };
}

function say(sentence) {
  const line = Object.assign(document.createElement("p"), { className: "say bad", textContent: sentence });
  root().replaceChildren(line);
}

function follow() {
  const region = root();
  const t = slider() ? Number(slider().value) : 0;
  if (wanted?.t !== t) wanted = { t, since: performance.now() };
  const stale = region?.dataset.spec && Number(region.dataset.at) !== t;
  const rested = performance.now() - wanted.since > REST && performance.now() > silent.until;
  if (stale && rested && !drag && !asking) ask(region.dataset.spec, t);
}

// The buttons take one click at a time, so that quick keys wait for their turn.
function takeTurn() {
  if (!turns.length || !root()) return;
  const underWay = pressed && pressed.spec === root().dataset.spec && performance.now() - pressed.since < TURN;
  if (underWay) return;
  const button = turns.shift();
  if (button.disabled) turns = [];
  pressed = button.disabled ? null : { spec: root().dataset.spec, since: performance.now() };
  button.click();
}

function stepOf(event) {
  const key = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !["y", "z"].includes(key)) return null;
  const [undo, redo] = document.querySelectorAll("#adjust .actions button");
  return key === "y" || event.shiftKey ? redo : undo;
}

function typing(at) {
  // Typing has an undo of its own; a frame number is no text.
  const field = at.closest("input, textarea, [contenteditable]");
  return field && !field.closest("#frame") && !["range", "checkbox", "radio"].includes(field.type);
}

function undoByKey(event) {
  const button = stepOf(event);
  if (!button || !element.offsetParent || typing(event.target)) return;
  event.preventDefault();
  turns.push(button);
  takeTurn();
}

document.addEventListener("keydown", undoByKey);
setInterval(() => {
  follow();
  takeTurn();
}, 60);
