import type { OpenPages } from './ask-page.ts'
import type { BlobServer } from './blob-server.ts'
import { CACHE, type PageFiles } from './page-files.ts'

interface ExtendableEvent {
  waitUntil(promise: Promise<unknown>): void
}

interface FetchEvent extends ExtendableEvent {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}

/** What of a service worker's scope is used. */
export interface ServiceScope {
  readonly location: { readonly href: string }
  readonly clients: OpenPages & { claim(): Promise<void> }
  readonly caches: Pick<CacheStorage, 'open'>
  fetch(path: string, options?: { signal: AbortSignal }): Promise<Response>
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void
}

/** The page, which works when the gateway has gone: a new version comes with the next load while it is there. */
const PAGE = [
  ...['/read', '/read/page.js', '/read/style.css', '/read/reader.js', '/read/network.json'],
  ...['/read/build/kernel-relaxed.wasm', '/read/build/kernel-plain.wasm'],
]

/** Serves blobs, and the page itself. */
export function installServiceWorker(scope: ServiceScope, server: BlobServer, files: PageFiles): void {
  const { origin } = new URL(scope.location.href)

  scope.addEventListener('install', event => {
    event.waitUntil(
      (async () => {
        const cache = await scope.caches.open(CACHE)
        await cache.addAll(PAGE)
        await scope.skipWaiting()
      })(),
    )
  })
  scope.addEventListener('activate', event => event.waitUntil(scope.clients.claim()))
  scope.addEventListener('fetch', event => {
    const { request } = event
    const url = new URL(request.url)
    if (request.method !== 'GET') return
    if (server.serves(url)) event.respondWith(server.answer(request))
    else if (url.origin === origin && isOfPage(url)) event.respondWith(files.get(url.pathname))
  })
}

const isOfPage = ({ pathname }: URL): boolean => pathname === '/read' || pathname.startsWith('/read/')
