// The console's only script: times of the viewer, and live updates. Every page works without it.
"use strict";

const times = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Shows each time in the viewer's zone, with UTC on hover. */
function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title = element.dateTime;
    element.textContent = times.format(at);
  }
}

/** Reads the page again and swaps its live part, unless the viewer is using it. */
async function update(live) {
  if (document.hidden || live.contains(document.activeElement)) return live;
  const response = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
  if (!response.ok) throw new Error(String(response.status));
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("live");
  if (fresh === null || live.contains(document.activeElement)) return live;
  localise(fresh);
  const open = [...live.querySelectorAll("details[open]")].map((element) => element.id);
  live.replaceWith(fresh);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  return fresh;
}

/** Updates until there is nothing live any more; a button pauses it. */
function follow(first) {
  let live = first;
  let isPaused = false;
  const button = document.createElement("button");
  const state = document.createElement("span");
  button.type = "button";
  const show = (text) => {
    button.textContent = isPaused ? "Resume updates" : "Pause updates";
    state.textContent = text;
  };
  button.addEventListener("click", () => {
    isPaused = !isPaused;
    show(isPaused ? "Paused" : "Live");
  });
  const row = document.createElement("p");
  row.className = "live";
  row.append(button, " ", state);
  live.before(row);
  show("Live");
  const again = async () => {
    try {
      if (!isPaused) {
        live = await update(live);
        show("Updated " + times.format(new Date()));
      }
    } catch {
      show("The console does not respond; this is what was read last");
    }
    const seconds = Number(live.dataset.live ?? 0);
    if (seconds > 0) setTimeout(again, seconds * 1000);
    else row.remove();
  };
  setTimeout(again, Number(live.dataset.live) * 1000);
}

localise(document);
const live = document.getElementById("live");
if (live !== null && live.dataset.live) follow(live);
