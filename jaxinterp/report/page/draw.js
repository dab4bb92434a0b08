// How is a digit drawn? Pen and eraser on a canvas of bytes, by pointer or by keys.

const PEN = 1.5, ERASER = 2.2;  // radius in pixels of an image of 28 × 28
/** @type {Map<string, [number, number]>} */
const STEPS = new Map([["ArrowLeft", [-1, 0]], ["ArrowRight", [1, 0]], ["ArrowUp", [0, -1]], ["ArrowDown", [0, 1]], [" ", [0, 0]]]);

// A drawing on the canvas; changed() is called after every change. `bytes` is what the network reads, in 255ths.
/** @typedef {{ x: number, y: number }} Point */

/**
 * @typedef {object} Drawing
 * @property {Uint8Array} bytes
 * @property {(chosen: boolean) => void} erase
 * @property {(image: Values, edited?: boolean) => void} load
 * @property {() => void} clear
 * @property {(from: number, to: number) => void} eraseRows
 */

/** @type {(canvas: HTMLCanvasElement, cursor: HTMLElement, meta: Meta, changed: (edited: boolean) => void) => Drawing} */
function drawing(canvas, cursor, meta, changed) {
  const { rows, columns, channels } = meta;
  const bytes = new Uint8Array(rows * columns * channels);
  /** @type {Point | null} */
  let last = null;
  let erasing = false, at = { x: Math.floor(columns / 2), y: Math.floor(rows / 2) };
  canvas.width = columns;
  canvas.height = rows;

  /** @type {(x: number, y: number) => void} */
  function dab(x, y) {
    const radius = Math.max(0.8, ((erasing ? ERASER : PEN) * Math.max(rows, columns)) / 28);
    for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(rows, y + radius + 1); row++) {
      for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(columns, x + radius + 1); column++) {
        const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const ink = Math.round(255 * Math.min(1, Math.max(0, (radius - distance) / 0.7)));
        const first = (row * columns + column) * channels;
        for (let place = first; place < first + channels; place++) {
          bytes[place] = erasing ? Math.min(bytes[place], 255 - ink) : Math.max(bytes[place], ink);
        }
      }
    }
  }

  /** @type {(from: Point, to: Point) => void} */
  function stroke(from, to) {
    const steps = Math.ceil(2 * Math.hypot(to.x - from.x, to.y - from.y)) || 1;
    for (let step = 1; step <= steps; step++) dab(from.x + ((to.x - from.x) * step) / steps, from.y + ((to.y - from.y) * step) / steps);
    update();
  }

  function update(edited = true) {
    paint(canvas, bytes, ink);
    changed(edited);
  }

  /** @type {(event: PointerEvent) => Point} */
  function position(event) {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * columns, y: ((event.clientY - box.top) / box.height) * rows };
  }

  function showCursor() {
    cursor.style.left = `${(100 * at.x) / columns}%`;
    cursor.style.top = `${(100 * at.y) / rows}%`;
    cursor.style.width = `${100 / columns}%`;
    cursor.style.height = `${100 / rows}%`;
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = position(event);
    stroke(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const next = position(event);
    stroke(last, next);
    last = next;
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
  canvas.addEventListener("keydown", (event) => {
    const [x, y] = STEPS.get(event.key) ?? [NaN, NaN];
    if (Number.isNaN(x) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const from = at;
    at = { x: Math.min(columns - 1, Math.max(0, at.x + x)), y: Math.min(rows - 1, Math.max(0, at.y + y)) };
    showCursor();
    if (event.key === " " || event.shiftKey) stroke({ x: from.x + 0.5, y: from.y + 0.5 }, { x: at.x + 0.5, y: at.y + 0.5 });
  });
  showCursor();

  return {
    bytes,
    erase: (chosen) => { erasing = chosen; },
    load: (image, edited = false) => { bytes.set(image); update(edited); },
    clear: () => { bytes.fill(0); update(); },
    eraseRows: (from, to) => { bytes.fill(0, from * columns * channels, (to + 1) * columns * channels); update(); },
  };
}
