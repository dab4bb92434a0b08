// Which view is open, and what do keys do? Findings need none of this; the views that the payload feeds start here.

const views = [...document.querySelectorAll("main > section")].map(({ id }) => id);
/** @type {{ findings?: ReturnType<typeof findingsView>, explorer?: ReturnType<typeof explorer>, try?: ReturnType<typeof trial>, embedding?: ReturnType<typeof embedding>, classes?: ReturnType<typeof classesView>, mistakes?: ReturnType<typeof mistakesView>, compare?: ReturnType<typeof compareView>, seeds?: ReturnType<typeof seedsView> }} */
const parts = {};
/** @type {Map<string, string>} */
const left = new Map();  // view → the address at which it was left

// Of a page of two runs: whose networks are shown, which the address says before its hash.
const run = Number(new URLSearchParams(location.search).get("run")) === 1 ? 1 : 0;

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
  partOf(open)?.show(settings);
  target?.scrollIntoView();
}

// Show what is of the chosen run, and let the links to the other one keep the view.
function chooseRun() {
  /** @type {NodeListOf<HTMLElement>} */
  const owned = document.querySelectorAll("[data-run]");
  const runs = new Set([...owned].map(({ dataset }) => dataset.run));
  for (const one of owned) one.hidden = runs.size > 1 && one.dataset.run !== String(run);
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll("[data-switch]");
  for (const link of links) {
    if (link.dataset.switch === String(run)) link.setAttribute("aria-current", "true");
    link.addEventListener("click", () => { link.hash = readHash().view === "runs" || !readHash().view ? "#explorer" : `#${readHash().view}`; });
  }
  document.getElementById("only-different")?.addEventListener("change", () => {
    for (const row of document.querySelectorAll(".joined tbody tr:not([data-differs])")) row.toggleAttribute("hidden", field("only-different").checked);
  });
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
  if (document.getElementById("sift")) parts.findings = findingsView();
  chooseRun();
  offerSaving();
  // A link to another view leads to its top; going back leads to where one was.
  let followed = false;
  document.addEventListener("click", ({ target }) => { followed = target instanceof Element && target.closest('a[href^="#"]') !== null; });
  window.addEventListener("hashchange", ({ oldURL }) => {
    const { hash } = new URL(oldURL), view = hash.slice(1).split("?")[0];
    left.set(view, hash);
    route();
    if (followed && views.includes(readHash().view) && readHash().view !== view) window.scrollTo(0, 0);
    followed = false;
  });
  route();
  const held = document.getElementById(run ? `payload-${run}` : "payload");
  if (held) {
    try {
      const payload = await decode(held.textContent);
      for (const one of document.querySelectorAll("script[id^=payload]")) one.remove();
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
      const readAll = reader(payload, networkOf);
      parts.mistakes = mistakesView(payload, readAll);
      parts.compare = compareView(payload, networkOf, readAll);
      if (document.getElementById("seeds")) parts.seeds = seedsView(payload);
      parts.explorer = explorer(payload, networkOf);
      const showSamples = () => document.getElementById("samples")?.replaceChildren(...samples(payload, networkOf));
      showSamples();
      dark.addEventListener("change", showSamples);
      find("guide").replaceChildren(...guide(payload));
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
