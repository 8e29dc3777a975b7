// Shows times in the visitor's own language and zone, and the servers as they are now.
const servers = document.getElementById("servers");
const EVERY_MS = 5000;
const CHANGING_MS = 1000;

function times(part) {
  for (const time of part.querySelectorAll("time[data-ms]")) {
    const at = new Date(Number(time.dataset.ms));
    time.dateTime = at.toISOString();
    time.textContent = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  }
}

// The part of the page that changes, made by the server as the page itself was. Whoever is at a button stays there.
async function renew() {
  const answer = await fetch(servers.dataset.fresh, { headers: { "X-XSRFToken": servers.dataset.xsrf }, cache: "no-store" });
  if (answer.status === 403) return location.reload();
  if (!answer.ok) return;
  const part = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  times(part);
  for (const [index, fresh] of [...part.children].entries()) {
    const shown = servers.children[index];
    if (!shown) servers.append(fresh);
    else if (!shown.isEqualNode(fresh)) replace(shown, fresh);
  }
  while (servers.children.length > part.childElementCount && servers.lastElementChild) servers.lastElementChild.remove();
}

function replace(shown, fresh) {
  const focused = shown.contains(document.activeElement) ? document.activeElement.id : "";
  shown.replaceWith(fresh);
  if (focused) (document.getElementById(focused) ?? fresh.querySelector("a.button, button"))?.focus();
}

async function follow() {
  for (;;) {
    const changing = servers.querySelector(".dot.busy");
    await new Promise((resolve) => setTimeout(resolve, changing ? CHANGING_MS : EVERY_MS));
    // A gateway that cannot be reached for a moment is asked again.
    if (!document.hidden) await renew().catch(() => {});
  }
}

times(servers);
follow();
