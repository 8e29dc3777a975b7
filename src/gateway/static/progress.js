// Follows the start of a server. fetch() instead of EventSource, because the token goes into a header, not into the URL.
const page = document.getElementById("pending");
const bar = document.getElementById("progress-bar");
const message = document.getElementById("progress-message");
const log = document.getElementById("progress-log");

function show(event) {
  bar.value = event.progress;
  message.textContent = event.message;
  if (event.log) {
    log.textContent = event.log.join("\n");
    log.scrollTop = log.scrollHeight;
  }
  if (event.ready) location.replace(page.dataset.next || event.url);
  if (event.failed) {
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
  if (answer.status === 400) return show({ progress: 0, failed: true, message: "Your server is not starting. Press Start to try again." });
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
    message.textContent = "The connection was lost; trying again …";
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** tries, 15000)));
  }
}
