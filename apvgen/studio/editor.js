// Drags points, and follows the frame slider. A drag ends in the event `apply` with part, point, and x, y in pixels of
// the driving video; a click without a drag in `select`.

const slider = () => document.querySelector("#frame input[type=range]");
const root = () => element.querySelector(".editor");
const REST = 140; // ms that the slider rests before the editor follows it
const FAR = 3; // px on the screen from which a press is a drag

let drag = null; // { dot, svg, from, moved }
let wanted = null; // the frame that the slider is at, and since when
let asking = false;

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

async function follow() {
  const region = root();
  const t = slider() ? Number(slider().value) : 0;
  if (wanted?.t !== t) wanted = { t, since: performance.now() };
  const stale = region && Number(region.dataset.at) !== t;
  if (stale && !drag && !asking && performance.now() - wanted.since > REST) {
    asking = true;
    const spec = region.dataset.spec;
    const answer = await server.editor_frame({ spec, t }).catch(() => null);
    asking = false;
    if (answer?.svg && root()?.dataset.spec === spec && !drag) {
      root().innerHTML = answer.svg;
      root().dataset.at = t;
    }
  }
}

setInterval(follow, 60);
