// Talks to the browser's authenticator for the forms of passkeys: the answer goes into the form, and the form is sent.
const form = document.getElementById("passkey-form");
const button = document.getElementById("passkey-submit");
const message = document.getElementById("passkey-message");

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function options() {
  const asked = JSON.parse(form.dataset.options);
  asked.challenge = bytes(asked.challenge);
  if (asked.user) asked.user.id = bytes(asked.user.id);
  for (const list of [asked.allowCredentials, asked.excludeCredentials]) {
    for (const known of list ?? []) known.id = bytes(known.id);
  }
  return asked;
}

async function answer() {
  const publicKey = options();
  const made = form.dataset.ceremony === "create";
  const key = await (made ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
  const response = { clientDataJSON: text(key.response.clientDataJSON) };
  if (made) {
    response.attestationObject = text(key.response.attestationObject);
  } else {
    response.authenticatorData = text(key.response.authenticatorData);
    response.signature = text(key.response.signature);
    response.userHandle = key.response.userHandle ? text(key.response.userHandle) : null;
  }
  return { id: key.id, rawId: text(key.rawId), type: key.type, response };
}

const CAUSES = { NotAllowedError: "denied", InvalidStateError: "known", SecurityError: "address" };

function tell(cause) {
  message.textContent = message.dataset[cause];
  message.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  message.hidden = true;
  try {
    form.elements.answer.value = JSON.stringify(await answer());
    form.submit();
  } catch (error) {
    tell(CAUSES[error.name] ?? "unusable");
    button.disabled = false;
  }
});

if (window.PublicKeyCredential) {
  button.disabled = false;
} else {
  tell("unknown");
}
