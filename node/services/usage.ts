import type { NodeMetrics } from '../metrics.ts'
import type { FileSliverStore } from '../store/file-sliver-store.ts'
import type { MetadataStore } from '../store/metadata-store.ts'

export interface UsageComponents {
  metadata: Pick<MetadataStore, 'list'>
  slivers: Pick<FileSliverStore, 'usage'>
  metrics: Pick<NodeMetrics, 'stored'>
}

/** What the store holds, counted now and then. */
export interface Usage {
  /** the last count, or the first one */
  get(): Promise<{ blobs: number; bytes: number }>
  /** Something was stored or dropped: counts again soon. */
  changed(): void
  stop(): Promise<void>
}

const MIN_DELAY_MS = 500
/** Counting goes through the whole index: it may take this part of the time at most. */
const DUTY = 20

export function createUsage({ metadata, slivers, metrics }: UsageComponents): Usage {
  let delayMs = MIN_DELAY_MS
  let timer: NodeJS.Timeout | undefined
  let last: Promise<{ blobs: number; bytes: number }> | undefined

  /** A count that failed is not kept: whoever asks next has it done again. */
  function recount(): Promise<{ blobs: number; bytes: number }> {
    const mine = count()
    mine.catch(() => {
      if (last === mine) last = undefined
    })
    last = mine
    return mine
  }

  async function count(): Promise<{ blobs: number; bytes: number }> {
    const start = performance.now()
    const { bytes } = await slivers.usage()
    let blobs = 0
    for await (const _ of metadata.list()) blobs++
    metrics.stored(blobs, bytes)
    delayMs = Math.max(MIN_DELAY_MS, (performance.now() - start) * DUTY)
    return { blobs, bytes }
  }

  return {
    get() {
      return last ?? recount()
    },
    changed() {
      timer ??= setTimeout(() => {
        timer = undefined
        // whoever asks meets the error; nobody may
        recount().catch(() => undefined)
      }, delayMs).unref()
    },
    async stop() {
      clearTimeout(timer)
      await last?.catch(() => undefined)
    },
  }
}
