/**
 * Answers with the build's own files: the page loads without a network.
 *
 * The build puts its files' names and their hash in place of the constants. The page keeps the large
 * files, with names ending in .gz, in the same cache: they are not fetched again.
 */

const CACHE = "voxport";
const FILES = "__FILES__"; // of the page
const ON_REQUEST = "__ON_REQUEST__"; // kept after the first request for them
// __HASH__: another build is another service worker

self.addEventListener("install", (event) => event.waitUntil(store().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(forget().then(() => clients.claim())));
self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function store() {
  const cache = await caches.open(CACHE);
  for (const file of FILES) {
    if (file.endsWith(".gz") && (await cache.match(file)) !== undefined) continue;
    await cache.add(new Request(file, { cache: "no-cache" }));
  }
}

/** Delete the files of earlier builds of this page. */
async function forget() {
  const scope = self.registration.scope;
  const known = new Set([...FILES, ...ON_REQUEST].map((file) => new URL(file, scope).href));
  const cache = await caches.open(CACHE);
  const kept = (await cache.keys()).filter(({ url }) => url.startsWith(scope));
  await Promise.all(kept.filter(({ url }) => !known.has(url)).map((request) => cache.delete(request)));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const found = await cache.match(request, { ignoreSearch: true });
  const response = found ?? (await fetch(request));
  if (found === undefined && response.ok && isOnRequest(request.url)) {
    await cache.put(request, response.clone());
  }
  return isolated(response);
}

function isOnRequest(url) {
  return ON_REQUEST.some((file) => new URL(file, self.registration.scope).href === url);
}

/** Add the headers for WASM on several threads, where the server does not send them. */
function isolated(response) {
  if (response.status === 0) return response; // opaque: another origin's
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
