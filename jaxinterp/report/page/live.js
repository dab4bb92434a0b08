// The page of a training loads itself again until the reader pauses it; that of an ended training does not.
{
  const { stamp, wait, patience } = document.body.dataset;
  const pause = document.querySelector("button"), silent = document.querySelector("#silent");
  let timer = 0;
  const next = () => { timer = window.setTimeout(() => window.location.reload(), Number(wait)); };
  if (pause && silent instanceof HTMLElement) {
    silent.hidden = Date.now() - Number(stamp) < Number(patience);
    pause.hidden = false;
    pause.addEventListener("click", () => {
      const paused = pause.getAttribute("aria-pressed") !== "true";
      pause.setAttribute("aria-pressed", String(paused));
      if (paused) window.clearTimeout(timer);
      else next();
    });
    next();
  }
}
