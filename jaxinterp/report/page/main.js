// Which view is open, and what do keys do? Findings need none of this; the views that the payload feeds start here.

const views = [...document.querySelectorAll("main > section")].map(({ id }) => id);
/** @type {{ explorer?: ReturnType<typeof explorer>, try?: ReturnType<typeof trial>, embedding?: ReturnType<typeof embedding>, classes?: ReturnType<typeof classesView>, seeds?: ReturnType<typeof seedsView> }} */
const parts = {};
/** @type {Map<string, string>} */
const left = new Map();  // view → the address at which it was left

/** @type {(view: string) => { show: (settings: URLSearchParams) => void } | undefined} */
const partOf = (view) => Object.entries(parts).find(([name]) => name === view)?.[1];

// Open the view that the address names, or the one that holds the element it names.
function route() {
  const address = left.get(location.hash.slice(1));
  if (partOf(readHash().view) && address) rewrite(address);
  const { view, settings } = readHash();
  const target = view && !views.includes(view) ? document.getElementById(view) : null;
  const open = views.includes(view) ? view : target?.closest("main > section")?.id ?? views[0];
  for (const id of views) {
    find(id).hidden = id !== open;
    const link = document.querySelector(`nav a[href="#${id}"]`);
    if (id === open) link?.setAttribute("aria-current", "page");
    else link?.removeAttribute("aria-current");
  }
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
  const row = target?.matches("tr") ? target.nextElementSibling?.querySelector("details") : null;
  if (row) row.open = true;
  target?.scrollIntoView();
  partOf(open)?.show(settings);
}

// A row unfolds to its figures, which the page holds once.
/** @type {(details: HTMLDetailsElement) => void} */
function unfold(details) {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = details.querySelectorAll("a.shows:not([hidden])");
  for (const link of details.open ? links : []) {
    const image = find(link.hash.slice(1)).querySelector("img");
    link.before(make("figure", { tabindex: "0" }, make("img", { src: image?.src, alt: image?.alt })));
    link.hidden = true;
  }
}

/** @type {(event: KeyboardEvent) => void} */
function keys(event) {
  const { view } = readHash(), by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
  const inside = (/** @type {string} */ selector) => event.target instanceof Element && event.target.closest(selector);
  if (event.ctrlKey || event.metaKey || event.altKey || inside("input, select, textarea, canvas")) return;
  if (view === "explorer" && event.key === "/") find("search").focus();
  else if (view === "explorer" && by && !inside(".scroll")) parts.explorer?.move(event.shiftKey ? "seed" : "unit", by);
  else if (view === "embedding" && by && !inside(".scroll")) parts.embedding?.move(event.shiftKey ? "seed" : "image", by);
  else if (view === "try" && by && event.shiftKey) parts.try?.move(by);
  else return;
  event.preventDefault();
}

async function start() {
  document.documentElement.classList.add("scripted");
  explainTerms();
  /** @type {NodeListOf<HTMLDetailsElement>} */
  const folds = document.querySelectorAll(".fold details");
  for (const details of folds) {
    details.addEventListener("toggle", () => unfold(details));
    details.closest("tr")?.previousElementSibling?.addEventListener("click", ({ target }) => {
      const reading = (target instanceof Element && target.closest("a")) || getSelection()?.type === "Range";
      if (!reading) details.open = !details.open;
    });
  }
  window.addEventListener("hashchange", ({ oldURL }) => {
    const { hash } = new URL(oldURL);
    left.set(hash.slice(1).split("?")[0], hash);
    route();
  });
  route();
  const held = document.getElementById("payload");
  if (held) {
    try {
      const payload = await decode(held.textContent);
      held.remove();
      /** @type {Map<number, Network>} */
      const networks = new Map();
      /** @type {(place: number) => Network} */
      const networkOf = (place) => {
        const network = networks.get(place) ?? networkAt(payload, place);
        networks.set(place, network);
        return network;
      };
      parts.try = trial(payload, networkOf);
      parts.embedding = embedding(payload);
      parts.classes = classesView(payload);
      if (document.getElementById("seeds")) parts.seeds = seedsView(payload);
      parts.explorer = explorer(payload, networkOf);
    } catch (error) {
      for (const place of document.querySelectorAll(".waiting")) place.textContent = `This browser cannot unpack the networks: ${error instanceof Error ? error.message : error}`;
      throw error;
    }
    for (const place of document.querySelectorAll(".waiting")) place.remove();
    for (const place of document.querySelectorAll(".ready")) place.removeAttribute("hidden");
    document.addEventListener("keydown", keys);
    dark.addEventListener("change", route);
    route();
  }
  document.documentElement.classList.add("started");
}

start();
