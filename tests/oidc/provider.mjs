// The provider oidc-provider over TLS, with people and moods that a test sets: one JSON object a line on standard input,
// one line back. Arguments: PORT CERTIFICATE KEY REDIRECT_ADDRESS LOGOUT_ADDRESS.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import readline from 'node:readline';

import { SignJWT, UnsecuredJWT, decodeJwt, exportJWK, generateKeyPair, importJWK } from 'jose';
import Provider from 'oidc-provider';

const [port, certificate, key, redirect, farewell] = process.argv.slice(2);
const issuer = `https://127.0.0.1:${port}`;
const client = { client_id: 'hubgate', client_secret: 'the secret of the hub', redirect_uris: [redirect], post_logout_redirect_uris: [farewell] };
let people = {}, mood = {}, keys = [], provider, seen = [];

async function newKey() {
  const made = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(made.privateKey)), alg: 'RS256', use: 'sig', kid: `key${Math.random()}` };
}

async function renew() {
  keys = [await newKey()];
  provider = new Provider(issuer, {
    clients: [client, { ...client, client_id: 'by-post', token_endpoint_auth_method: 'client_secret_post' }],
    jwks: { keys },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    conformIdTokenClaims: mood.conform !== false,
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    // People of these tests agree to everything.
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile email groups');
      await grant.save();
      return grant;
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token' && ctx.body?.id_token) await spoilToken(ctx.body);
    if (ctx.path === '/me' && mood.userinfo === 'subject') ctx.body = { ...ctx.body, sub: 'somebody-else' };
    if (ctx.path === '/.well-known/openid-configuration') spoilDiscovery(ctx);
  });
}

async function spoilToken(body) {
  if (!mood.token) return;
  const claims = decodeJwt(body.id_token), now = Math.floor(Date.now() / 1000);
  let [jwk, kid] = [keys[0], keys[0].kid];
  switch (mood.token) {
    case 'signature': jwk = await newKey(); break;
    case 'kid': jwk = await newKey(); kid = jwk.kid; break;
    case 'nonce': claims.nonce = 'of another login'; break;
    case 'nononce': delete claims.nonce; break;
    case 'expired': claims.exp = now - 3600; claims.iat = now - 7200; break;
    case 'late': claims.exp = now - 30; claims.iat = now - 600; break;
    case 'future': claims.iat = now + 3600; claims.exp = now + 7200; break;
    case 'early': claims.iat = now + 30; break;
    case 'audience': claims.aud = 'another client'; break;
    case 'audiences': claims.aud = ['hubgate', 'another client']; break;
    case 'azp': claims.azp = 'another client'; break;
    case 'issuer': claims.iss = 'https://127.0.0.1:1'; break;
    case 'at_hash': claims.at_hash = 'AAAAAAAAAAAAAAAAAAAAAA'; break;
    case 'sub': claims.sub = 's'.repeat(300); break;
    case 'absent': delete body.id_token; return;
    case 'garbage': body.id_token = 'a.b.c'; return;
    case 'none': body.id_token = new UnsecuredJWT(claims).encode(); return;
    case 'hmac':
      body.id_token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(client.client_secret));
      return;
  }
  body.id_token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(await importJWK(jwk, 'RS256'));
}

function spoilDiscovery(ctx) {
  switch (mood.discovery) {
    case 'issuer': ctx.body = { ...ctx.body, issuer: 'https://evil.test' }; break;
    case 'open': ctx.body = { ...ctx.body, token_endpoint: 'http://192.0.2.1/token' }; break;
    case 'file': ctx.body = { ...ctx.body, authorization_endpoint: 'javascript:alert(1)' }; break;
    case 'post': ctx.body = { ...ctx.body, token_endpoint_auth_methods_supported: ['client_secret_post'] }; break;
    case 'nonsense': ctx.body = '<html>not json'; break;
    case 'huge': ctx.body = { ...ctx.body, more: 'x'.repeat(2 * 1024 * 1024) }; break;
    case 'redirect': ctx.redirect('https://127.0.0.1:1/'); break;
    case 'absent': ctx.status = 404; break;
  }
}

const commands = {
  people: (value) => { people = value; },
  mood: (value) => { mood = value; },
  renew: async () => { await renew(); },
  seen: () => { const told = seen; seen = []; return told; },
};

await renew();
const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  const path = request.url.split('?')[0];
  seen.push(path);
  if (mood.hang === path) return;
  if (mood.down === path) { response.writeHead(500); response.end('<script>alert(1)</script>'); return; }
  provider.callback()(request, response);
});
server.listen(Number(port), '127.0.0.1', () => console.log('ready'));
readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const [name, value] = JSON.parse(line);
  console.log(JSON.stringify((await commands[name](value)) ?? null));
}).on('close', () => process.exit(0));
