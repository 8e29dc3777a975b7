// Shows above JupyterLab and Notebook what the hub has to say of this server: announcements, when it stops because nobody uses
// it, who else is in it. The hub writes the words, in the visitor's language; this only asks for them and shows them.
//
// Written by hand as the module container that JupyterLab 3, 4 and Notebook 7 load (`window._JUPYTERLAB`): no build step, and
// nothing of theirs is needed but the page and its two settings `baseUrl` and `hubPrefix`.
(() => {
  "use strict";

  const STYLE = `
    #hubgate-notices { position: fixed; inset: 0 0 auto 0; z-index: 9000; font: 14px/1.4 system-ui, sans-serif; }
    #hubgate-notices:empty { display: none; }
    #hubgate-notices > div { display: flex; align-items: center; gap: 12px; padding: 5px 12px; background: #e8f2fc; color: #1b1f24; border-bottom: 1px solid #0b63b5; }
    #hubgate-notices > div[data-level="warning"] { background: #fff6dd; border-color: #855700; }
    #hubgate-notices p { flex: 1; min-width: 0; max-height: 6em; margin: 0; overflow: auto; white-space: pre-line; overflow-wrap: anywhere; unicode-bidi: plaintext; }
    #hubgate-notices :is(button, a) { flex: none; font: inherit; padding: 2px 12px; border: 1px solid #57606a; border-radius: 6px; background: #fff; color: #1b1f24; text-decoration: none; cursor: pointer; }
    #hubgate-notices :is(button, a):focus-visible { outline: 3px solid #0b63b5; outline-offset: 1px; }`;
  const GONE = [401, 403, 404];
  const RETRY_S = 30;

  const hidden = new Set();
  let bar, place, timer, shown = "";

  // `/jupyterhub/user/ada/` and `/jupyterhub/user/ada/gpu/`.
  function placeOf(config) {
    const found = /^(.*)\/user\/([^/]+)\/(?:([^/]+)\/)?$/.exec(config.baseUrl ?? "");
    return found && { hub: `${found[1]}/hub/`, server: found[3] ? `${found[2]}/${found[3]}` : found[2] };
  }

  function element(name, text, more) {
    return Object.assign(document.createElement(name), { textContent: text }, more);
  }

  function act(banner) {
    if (banner.act.how === "go") return element("a", banner.act.label, { href: banner.act.address });
    return element("button", banner.act.label, { onclick: (event) => {
      event.target.disabled = true;
      // A form cannot send this header, another site's script may not.
      ask(banner.act.address, { method: "POST", headers: { "X-Hubgate-Keep": "1" } });
    } });
  }

  function line(banner, told) {
    const row = document.createElement("div");
    row.dataset.level = banner.level;
    row.dataset.banner = banner.id;
    row.append(element("p", banner.text));
    if (banner.act) row.append(act(banner));
    if (banner.hides) {
      row.append(element("button", told.hide, { onclick: () => {
        hidden.add(banner.id + banner.text);
        show(told);
      } }));
    }
    return row;
  }

  function show(told) {
    const banners = told.banners.filter((banner) => !hidden.has(banner.id + banner.text));
    const now = JSON.stringify(banners);
    if (now === shown) return;
    shown = now;
    // Rows that are the same stay, so that the one under the visitor's finger or focus does not go.
    const old = new Map([...bar.children].map((row) => [row.dataset.banner, row]));
    const rows = banners.map((banner) => {
      const row = old.get(banner.id);
      if (!row || row.querySelector("button, a")?.disabled || row.childElementCount !== line(banner, told).childElementCount) return line(banner, told);
      row.querySelector("p").textContent = banner.text;
      return row;
    });
    bar.replaceChildren(...rows);
    makeRoom();
  }

  // JupyterLab's own window begins below; it measures itself anew when the browser's changes.
  function makeRoom() {
    const main = document.getElementById("main");
    if (!main) return;
    main.style.top = bar.childElementCount ? `${Math.ceil(bar.getBoundingClientRect().height)}px` : "";
    window.dispatchEvent(new Event("resize"));
  }

  async function ask(address, options) {
    clearTimeout(timer);
    let againS = RETRY_S;
    try {
      const answer = await fetch(address, { cache: "no-store", headers: { Accept: "application/json" }, ...options });
      if (answer.ok) {
        const told = await answer.json();
        show(told);
        againS = told.again_s;
      } else if (GONE.includes(answer.status) && !options) {
        show({ banners: [] });
        againS = 0;
      }
    } catch {
      // The network or the hub is away for a moment.
    }
    if (againS && !document.hidden) timer = setTimeout(look, againS * 1000);
  }

  function look() {
    ask(`${place.hub}notices/${place.server}`);
  }

  function activate() {
    const config = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}");
    place = placeOf(config);
    if (!place) return;
    document.head.append(element("style", STYLE));
    bar = Object.assign(document.createElement("section"), { id: "hubgate-notices" });
    bar.setAttribute("role", "status");
    bar.setAttribute("aria-label", "Hub");
    document.body.append(bar);
    addEventListener("resize", (event) => { if (event.isTrusted) makeRoom(); });
    // A page that nobody sees does not ask; it catches up when it is seen again.
    document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else look(); });
    look();
  }

  const modules = {
    "./extension": { __esModule: true, default: { id: "hubgate:notices", autoStart: true, activate } },
    "./style": {},
  };

  (window._JUPYTERLAB ??= {}).hubgate = {
    init() {},
    async get(name) {
      if (!(name in modules)) throw new Error(`hubgate has no ${name}`);
      return () => modules[name];
    },
  };
})();
