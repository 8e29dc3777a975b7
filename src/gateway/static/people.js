// The administrators' table: searches as one types, and shows what servers do. Without this script the same addresses do.
const many = document.getElementById("many");
const search = document.getElementById("search");
const table = document.getElementById("table");
const live = document.getElementById("live");
const token = many.elements._xsrf.value;
let asked = 0;

// The part of the page that a search replaces, made by the server as the page itself was.
async function load(query) {
  const mine = ++asked;
  const answer = await fetch(`${many.dataset.rows}?${query}`, { headers: { "X-XSRFToken": token }, cache: "no-store" });
  if (answer.status === 403) return location.reload();
  if (!answer.ok || mine !== asked) return;
  const part = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (mine !== asked) return;
  const picked = new Set([...table.querySelectorAll("[name=user]:checked")].map((box) => box.value));
  const focused = document.activeElement?.closest("#table th a, #range a")?.textContent;
  table.replaceChildren(...part.body.childNodes);
  for (const box of table.querySelectorAll("[name=user]")) box.checked = picked.has(box.value);
  if (focused) [...table.querySelectorAll("th a, #range a")].find((link) => link.textContent === focused)?.focus();
  dress();
}

// What only a script can do: one box for all, and labels for the cells of small screens.
function dress() {
  const all = document.getElementById("all");
  all.hidden = false;
  all.onchange = () => {
    for (const box of table.querySelectorAll("[name=user]")) box.checked = all.checked;
  };
}

function query() {
  const fields = [...new FormData(search)].filter(([, value]) => value !== "");
  return new URLSearchParams(fields).toString();
}

function go(text) {
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
  return load(text);
}

search.addEventListener("input", () => go(query()));
search.addEventListener("submit", (event) => {
  event.preventDefault();
  go(query());
});
table.addEventListener("click", (event) => {
  const link = event.target.closest("th a, #range a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const wanted = new URL(link.href).searchParams;
  let sort = search.elements.sort;
  if (!sort) {
    sort = Object.assign(document.createElement("input"), { type: "hidden", name: "sort" });
    search.append(sort);
  }
  sort.value = wanted.get("sort") ?? "";
  go(wanted.toString());
});

function show(change) {
  const row = document.getElementById(`user-${change.user}`);
  if (!row) return;
  const [dot, word] = row.querySelectorAll("[data-now=state] > span");
  dot.className = `dot ${change.dot}`;
  word.textContent = change.state;
  row.querySelector("[data-now=memory]").textContent = change.memory;
  row.querySelector("[data-now=cpu]").textContent = change.cpu;
}

async function follow() {
  const answer = await fetch(many.dataset.events, {
    headers: { "X-XSRFToken": token, Accept: "text/event-stream" },
    cache: "no-store",
  });
  if (answer.status === 403) return location.reload();
  if (!answer.ok) throw new Error(answer.statusText);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let first = true;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the stream ended");
    live.textContent = "";
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events.filter((event) => event.startsWith("data: "))) {
      const { running, changes } = JSON.parse(event.slice(6));
      document.getElementById("running").textContent = running;
      changes.forEach(show);
      // What changed between the page and the stream is in no event.
      if (first) load(location.search.slice(1));
      first = false;
    }
  }
}

dress();
for (let tries = 0; ; tries++) {
  try {
    await follow();
    break;
  } catch {
    live.textContent = many.dataset.lost;
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** tries, 15000)));
  }
}
