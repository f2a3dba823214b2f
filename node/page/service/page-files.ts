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
      const fresh = await scope.fetch(path).catch(async error => {
        const kept = await cache.match(path)
        if (kept === undefined) throw error
        return kept
      })
      // a proxy answers for a gateway that has gone
      if (!fresh.ok) return (await cache.match(path)) ?? fresh
      // a full disk takes nothing from who asks now
      await cache.put(path, fresh.clone()).catch(() => undefined)
      return fresh
    },
  }
}
