// How is what a view shows taken elsewhere? Its tables as CSV, its pictures as PNG, its drawings as SVG or PNG.

const DRAWINGS = ".drawing img, #picture svg, .strip svg, .highlights svg";
const CELL = 150, SIDE = 120, ACROSS = 8;  // of a sheet of pictures, in pixels, and how many stand in a row

/** @type {<T extends Element>(view: HTMLElement, selector: string) => T[]} */
const seen = (view, selector) => /** @type {any} */ ([...view.querySelectorAll(selector)].filter((one) => one.checkVisibility()));

// Give every view a menu of what can be saved of it.
function offerSaving() {
  /** @type {NodeListOf<HTMLElement>} */
  const all = document.querySelectorAll("main > section");
  for (const view of all) {
    const buttons = make("span", { class: "controls" }), menu_ = make("details", { class: "saving" }, make("summary", {}, "Save what is shown"), buttons);
    menu_.addEventListener("toggle", () => buttons.replaceChildren(...(menu_.open ? savings(view) : [])));
    view.querySelector("h2")?.after(menu_);
  }
}

/** @type {(view: HTMLElement) => HTMLElement[]} */
function savings(view) {
  const name = `${document.title} ${view.id}`.replace(/[^\p{L}\p{N}]+/gu, "-");
  /** @type {(text: string, suffix: string, make: () => Promise<Blob> | Blob) => HTMLElement} */
  const button = (text, suffix, made) => {
    const one = make("button", { type: "button" }, text);
    one.addEventListener("click", async () => keep(await made(), `${name}.${suffix}`));
    return one;
  };
  const found = [
    seen(view, "table").length > 0 && button("Tables as CSV", "csv", () => new Blob(["\uFEFF", csvOf(view)], { type: "text/csv" })),
    seen(view, "canvas").length > 0 && button("Pictures as PNG", "png", () => pngOf(sheet(view))),
    seen(view, DRAWINGS).length > 0 && button("Drawings as SVG", "svg", () => new Blob([svgOf(view)], { type: "image/svg+xml" })),
    seen(view, DRAWINGS).length > 0 && button("Drawings as PNG", "drawings.png", async () => pngOf(await rasterized(svgOf(view)))),
  ].filter((one) => one !== false);
  return found.length ? found : [make("span", {}, "There is nothing to save here.")];
}

/** @type {(blob: Blob, name: string) => void} */
function keep(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The tables that are seen, one after the other with an empty line between, numbers with all of their digits.
/** @type {(view: HTMLElement) => string} */
function csvOf(view) {
  /** @type {(cell: Element) => string} */
  const text = (cell) => {
    const copy = /** @type {Element} */ (cell.cloneNode(true)), numbers = copy.querySelectorAll("data");
    for (const one of copy.querySelectorAll("svg, .tap")) one.remove();
    const value = numbers.length === 1 && copy.textContent === numbers[0].textContent ? numbers[0].value : copy.textContent ?? "";
    return `"${value.replace(/\s+/g, " ").trim().replace(/"/g, '""')}"`;
  };
  /** @type {HTMLTableElement[]} */
  const tables = seen(view, "table");
  return tables.map((one) => [...one.rows].filter((row) => row.checkVisibility() && !row.matches(".fold, .below")).map((row) => [...row.cells].map(text).join(",")).join("\r\n")).join("\r\n\r\n");
}

// Every picture that is seen, on one sheet, with what is written below it.
/** @type {(view: HTMLElement) => HTMLCanvasElement} */
function sheet(view) {
  /** @type {HTMLCanvasElement[]} */
  const pictures = seen(view, "canvas"), across = Math.min(ACROSS, pictures.length), height = SIDE + 46;
  const canvas = make("canvas", { width: across * CELL, height: Math.ceil(pictures.length / across) * height }), context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no pictures");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.font = "12px sans-serif";
  context.fillStyle = "black";
  pictures.forEach((picture_, place) => {
    const [x, y] = [(place % across) * CELL, Math.floor(place / across) * height], scale = SIDE / Math.max(picture_.width, picture_.height);
    context.drawImage(picture_, x + 4, y + 4, scale * picture_.width, scale * picture_.height);
    const owner = picture_.closest("figure, li"), caption = ((owner instanceof HTMLElement && owner.innerText) || picture_.ariaLabel || "").replace(/\s+/g, " ").trim();
    [caption.slice(0, 24), caption.slice(24, 48)].forEach((line, row) => context.fillText(line, x + 4, y + SIDE + 18 + 15 * row, CELL - 8));
  });
  return canvas;
}

// At once: toBlob waits until the browser is idle, which on a busy machine takes seconds.
/** @type {(canvas: HTMLCanvasElement) => Blob} */
function pngOf(canvas) {
  const [, text] = canvas.toDataURL("image/png").split(",");
  if (!text) throw new Error("the picture is too large");
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}

// The drawings that are seen, one below the other, with the styles that they have here.
/** @type {(view: HTMLElement) => string} */
function svgOf(view) {
  const page = makeSvg("svg", { xmlns: "http://www.w3.org/2000/svg" });
  let bottom = 0, right = 0;
  for (const one of seen(view, DRAWINGS)) {
    const { width, height } = one.getBoundingClientRect();
    const copy = one instanceof HTMLImageElement ? makeSvg("image", { href: one.src }) : styled(one);
    page.append(fill(copy, { x: 0, y: bottom, width, height }));
    bottom += height + 16;
    right = Math.max(right, width);
  }
  const paper = makeSvg("rect", { width: right, height: bottom, fill: getComputedStyle(document.body).backgroundColor });
  page.prepend(paper);
  fill(page, { width: right, height: bottom, viewBox: `0 0 ${right} ${bottom}` });
  return new XMLSerializer().serializeToString(page);
}

// A copy of a drawing that needs no style sheet.
/** @type {(drawing: Element) => Element} */
function styled(drawing) {
  const copy = /** @type {Element} */ (drawing.cloneNode(true)), copies = [copy, ...copy.querySelectorAll("*")];
  [drawing, ...drawing.querySelectorAll("*")].forEach((one, place) => {
    const style = getComputedStyle(one);
    for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-weight", "font-family", "text-anchor", "dominant-baseline", "paint-order"]) {
      copies[place].setAttribute(name, style.getPropertyValue(name));
    }
    copies[place].removeAttribute("class");
  });
  return copy;
}

/** @type {(svg: string) => Promise<HTMLCanvasElement>} */
async function rasterized(svg) {
  const image = make("img", { src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` });
  await image.decode();
  const canvas = make("canvas", { width: 2 * image.width, height: 2 * image.height });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
