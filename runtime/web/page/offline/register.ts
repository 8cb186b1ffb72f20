/** Registers the service worker, once the first transcript is there: it must not slow that down. */

/** Resolves when the page would load without a network. */
export async function workOffline(): Promise<boolean> {
  if (!import.meta.env.PROD || navigator.serviceWorker === undefined) return false;
  try {
    await navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI));
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    return false; // a page without it works all the same, as long as there is a network
  }
}
