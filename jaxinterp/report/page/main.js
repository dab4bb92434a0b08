// Which view is open, and what do keys do? Findings need none of this; the views that the payload feeds start here.

const views = [...document.querySelectorAll("main > section")].map(({ id }) => id);
const parts = {};
const left = {};  // view → the address at which it was left

// Open the view that the address names, or the one that holds the element it names.
function route() {
  if (parts[readHash().view] && left[location.hash.slice(1)]) rewrite(left[location.hash.slice(1)]);
  const { view, settings } = readHash();
  const target = view && !views.includes(view) ? find(view) : null;
  const open = views.includes(view) ? view : target?.closest("main > section")?.id ?? views[0];
  for (const id of views) {
    find(id).hidden = id !== open;
    const link = document.querySelector(`nav a[href="#${id}"]`);
    if (id === open) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  const row = target?.matches("tr") ? target.nextElementSibling?.querySelector("details") : null;
  if (row) row.open = true;
  target?.scrollIntoView();
  parts[open]?.show(settings);
}

// A row unfolds to its figures, which the page holds once.
function unfold(details) {
  for (const link of details.open ? details.querySelectorAll("a.shows:not([hidden])") : []) {
    const { src, alt } = find(link.hash.slice(1)).querySelector("img");
    link.before(make("figure", { tabindex: "0" }, make("img", { src, alt })));
    link.hidden = true;
  }
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, canvas")) return;
  const { view } = readHash();
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (view === "explorer" && event.key === "/") find("search").focus();
  else if (view === "explorer" && by && !event.target.closest(".scroll")) parts.explorer.move(event.shiftKey ? "seed" : "unit", by);
  else if (view === "try" && by && event.shiftKey) parts.try.move(by);
  else return;
  event.preventDefault();
}

async function start() {
  document.documentElement.classList.add("scripted");
  for (const details of document.querySelectorAll(".fold details")) {
    details.addEventListener("toggle", () => unfold(details));
    details.closest("tr").previousElementSibling.addEventListener("click", (event) => {
      if (!event.target.closest("a") && getSelection().isCollapsed) details.open = !details.open;
    });
  }
  window.addEventListener("hashchange", ({ oldURL }) => {
    const { hash } = new URL(oldURL);
    left[hash.slice(1).split("?")[0]] = hash;
    route();
  });
  route();
  const held = find("payload");
  if (held) {
    try {
      const payload = await decode(held.textContent);
      held.remove();
      const networks = new Map();
      const networkOf = (place) => networks.get(place) ?? networks.set(place, networkAt(payload, place)).get(place);
      parts.try = trial(payload, networkOf);
      if (find("seeds")) parts.seeds = seedsView(payload);
      parts.explorer = explorer(payload, networkOf);
    } catch (error) {
      for (const place of document.querySelectorAll(".waiting")) place.textContent = `This browser cannot unpack the networks: ${error.message}`;
      throw error;
    }
    for (const place of document.querySelectorAll(".waiting")) place.remove();
    for (const place of document.querySelectorAll(".ready")) place.hidden = false;
    document.addEventListener("keydown", keys);
    dark.addEventListener("change", route);
    route();
  }
  document.documentElement.classList.add("started");
}

start();
