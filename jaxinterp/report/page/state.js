// What is being looked at? The address's hash says it: "#explorer?seed=3&layer=1&unit=5", so that a link reopens the view.

// The view and its settings, as the hash has them.
/** @type {() => { view: string, settings: URLSearchParams }} */
function readHash() {
  const [view, settings = ""] = location.hash.slice(1).split("?");
  return { view, settings: new URLSearchParams(settings) };
}

// The hash of a view with settings; empty ones are left out.
/** @type {(view: string, settings: Record<string, string | number | null | undefined>) => string} */
function hashOf(view, settings) {
  const known = Object.entries(settings).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `#${view}${known.length ? `?${new URLSearchParams(known.map(([name, value]) => [name, String(value)]))}` : ""}`;
}

// Change the address without a step in the history of the browser.
/** @type {(hash: string) => void} */
const rewrite = (hash) => history.replaceState(null, "", hash);

// A whole number from the settings between 0 and length − 1, or another where it is missing or outside.
/** @type {(settings: URLSearchParams, name: string, length: number, otherwise?: number) => number} */
function choice(settings, name, length, otherwise = 0) {
  const value = settings.has(name) && settings.get(name) !== "" ? Number(settings.get(name)) : NaN;
  return Number.isInteger(value) && value >= 0 && value < length ? value : otherwise;
}

// The place of a seed's number among those that the page holds; the first where it does not hold it.
/** @type {(meta: Meta, settings: URLSearchParams) => number} */
const seedPlace = (meta, settings) => Math.max(0, meta.seeds.indexOf(Number(settings.get("seed") || meta.seeds[0])));

// Why the page does not hold the seed that someone asked for, and what it holds; "" where it does.
/** @type {(meta: Meta, text: string) => string} */
function seedComplaint({ seeds, all_seeds, diverged }, text) {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (seeds.includes(seed)) return "";
  const why = diverged.includes(seed) ? `Seed ${seed} diverged` : seed < all_seeds ? `The page has no room for seed ${seed}` : `There is no seed ${text}`;
  return `${why}: choose ${spans(seeds)}.`;
}

// The same for an address, which may name no seed; says as well which one is shown instead.
/** @type {(meta: Meta, settings: URLSearchParams) => string} */
function seedReplaced(meta, settings) {
  const text = settings.get("seed"), complaint = text ? seedComplaint(meta, text) : "";
  return complaint && `${complaint} This is seed ${meta.seeds[0]}.`;
}

// Growing whole numbers in short: "0–4, 7 or 9".
/** @type {(numbers: number[]) => string} */
function spans(numbers) {
  /** @type {[number, number][]} */
  const found = [];
  for (const number of numbers) {
    const last = found[found.length - 1];
    if (last && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  const texts = found.flatMap(([first, last]) => (last - first < 2 ? [...new Set([first, last])].map(String) : [`${first}–${last}`]));
  return [texts.slice(0, -1).join(", "), texts[texts.length - 1]].filter((text) => text !== "").join(" or ");
}
