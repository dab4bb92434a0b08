// What is being looked at? The address's hash says it: "#explorer?seed=3&layer=1&unit=5", so that a link reopens the view.

// The view and its settings, as the hash has them.
function readHash() {
  const [view, settings = ""] = location.hash.slice(1).split("?");
  return { view, settings: new URLSearchParams(settings) };
}

// The hash of a view with settings; empty ones are left out.
function hashOf(view, settings) {
  const known = Object.entries(settings).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `#${view}${known.length ? `?${new URLSearchParams(known.map(([name, value]) => [name, String(value)]))}` : ""}`;
}

// Change the address without a step in the history of the browser.
const rewrite = (hash) => history.replaceState(null, "", hash);

// A whole number from the settings between 0 and length − 1, or another where it is missing or outside.
function choice(settings, name, length, otherwise = 0) {
  const value = settings.has(name) && settings.get(name) !== "" ? Number(settings.get(name)) : NaN;
  return Number.isInteger(value) && value >= 0 && value < length ? value : otherwise;
}

// The place of a seed's number among those that the page holds.
const seedPlace = (meta, settings) => Math.max(0, meta.seeds.indexOf(Number(settings.get("seed") ?? meta.seeds[0])));
