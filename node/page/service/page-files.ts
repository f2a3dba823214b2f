/** Where a service worker keeps them. */
export const CACHE = 'floe-page'

export interface FilesScope {
  readonly caches: Pick<CacheStorage, 'open'>
  fetch(path: string): Promise<Response>
}

/** The page's own files: as the gateway has them, or as they were kept when it does not answer. */
export interface PageFiles {
  get(path: string): Promise<Response>
}

export function createPageFiles(scope: FilesScope): PageFiles {
  return {
    async get(path) {
      const cache = await scope.caches.open(CACHE)
      try {
        const fresh = await scope.fetch(path)
        if (fresh.ok) await cache.put(path, fresh.clone())
        return fresh
      } catch (error) {
        const kept = await cache.match(path)
        if (kept === undefined) throw error
        return kept
      }
    },
  }
}
