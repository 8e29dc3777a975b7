// Shows times in the visitor's own language and zone.
for (const time of document.querySelectorAll("time[data-ms]")) {
  const at = new Date(Number(time.dataset.ms));
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleString();
}
