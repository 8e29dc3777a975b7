// Follows the start of a server. fetch() instead of EventSource, because the token goes into a header, not into the URL.
const page = document.getElementById("pending");
const bar = document.getElementById("progress-bar");
const message = document.getElementById("progress-message");
const log = document.getElementById("progress-log");

// The stages that are behind, the one that is on, those that are ahead.
function stages(progress) {
  const all = [...document.querySelectorAll(".stages li")];
  const reached = all.filter((stage) => Number(stage.dataset.from) <= progress).length;
  all.forEach((stage, index) => (stage.dataset.state = index < reached - 1 ? "done" : index < reached ? "now" : "ahead"));
  const now = all[reached - 1].textContent;
  if (message.textContent !== now) message.textContent = now;
}

function show(event) {
  bar.value = event.progress;
  const line = event.waits_for === "gpu" ? page.dataset.gpuLine : page.dataset.line;
  const asked = event.place ? line.replace("%", event.place) : page.dataset.asked;
  document.getElementById("asked").textContent = asked;
  stages(event.progress);
  if (event.log) {
    log.textContent = event.log.join("\n");
    log.scrollTop = log.scrollHeight;
  }
  if (event.ready) location.replace(page.dataset.next || event.url);
  // The server's own address tells the cause and what to do; without a log there is nothing to tell.
  if (event.failed && event.log?.length) location.replace(page.dataset.next.startsWith(page.dataset.server) ? page.dataset.next : page.dataset.server);
  else if (event.failed) {
    message.textContent = page.dataset.not;
    message.className = "alert";
    message.setAttribute("role", "alert");
    bar.hidden = true;
    document.getElementById("progress-actions").hidden = false;
    document.getElementById("progress-cancel").hidden = true;
    document.getElementById("progress-details").open = true;
  }
  return Boolean(event.ready || event.failed);
}

async function follow() {
  const answer = await fetch(page.dataset.progress, {
    headers: { "X-XSRFToken": page.dataset.xsrf, Accept: "text/event-stream" },
    cache: "no-store",
  });
  if (answer.status === 403) return location.reload();
  if (answer.status === 400) return show({ progress: 0, failed: true });
  if (!answer.ok) throw new Error(answer.statusText);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the stream ended early");
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      if (event.startsWith("data: ") && show(JSON.parse(event.slice(6)))) return;
    }
  }
}

for (let tries = 0; ; tries++) {
  try {
    await follow();
    break;
  } catch {
    message.textContent = page.dataset.lost;
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** tries, 15000)));
  }
}
