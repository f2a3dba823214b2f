import { raceSignal } from 'race-signal'
import { equalBytes } from '../../../base/bytes.ts'
import type { Progress, StoreOptions, StoreResult } from '../types.ts'

/** Bytes, or what names a file in its state. */
export type Content = Uint8Array | string

/** What one upload is run with, for all who wait for it. */
export interface SharedRun {
  options: StoreOptions & { signal: AbortSignal }
  /** the same content was stored, or tried to be, just before */
  again: boolean
}

/**
 * Uploads of one content go one after the other, and those that ask for the same are one: many who store the same bytes
 * at once pay once, and nobody goes on with a registration that another upload is busy with.
 */
export interface SharedUploads {
  /**
   * Runs an upload, or waits for the one that is under way with the same content and options. The signal ends this
   * caller's wait; the work goes on while anyone wants it. A caller that joined is told `alreadyCertified`.
   */
  store(
    content: Content,
    options: StoreOptions,
    run: (shared: SharedRun) => Promise<StoreResult>,
  ): Promise<StoreResult>
  /** Settles when those that are under way are over: the client that closes has aborted them. */
  over(): Promise<void>
}

interface Waiter {
  options: StoreOptions
  outcome: PromiseWithResolvers<StoreResult>
}

interface Upload {
  content: Content
  options: StoreOptions
  /** in the order in which they came */
  waiting: Set<Waiter>
  stop: AbortController
  /** settles when it and those of the same content before it are over */
  over: Promise<void>
}

export function createSharedUploads(): SharedUploads {
  /** in the order in which they came */
  const uploads: Upload[] = []

  function begin(
    content: Content,
    options: StoreOptions,
    run: (shared: SharedRun) => Promise<StoreResult>,
    before: Upload | undefined,
  ): Upload {
    const upload: Upload = {
      content,
      options,
      waiting: new Set(),
      stop: new AbortController(),
      over: Promise.resolve(),
    }
    const { signal } = upload.stop
    const onProgress = (progress: Progress): void => {
      for (const waiter of upload.waiting) waiter.options.onProgress?.(progress)
    }
    const onSubmitted = (): void => {
      for (const waiter of upload.waiting) waiter.options.onSubmitted?.()
    }
    const running = async (): Promise<StoreResult> => {
      if (before !== undefined) await before.over
      signal.throwIfAborted()
      return await run({
        options: { ...options, onProgress, onSubmitted, signal },
        again: before !== undefined,
      })
    }
    upload.over = running()
      .then(
        result => answer(upload, result),
        error => {
          for (const { outcome } of upload.waiting) outcome.reject(error)
        },
      )
      .finally(() => uploads.splice(uploads.indexOf(upload), 1))
    uploads.push(upload)
    return upload
  }

  return {
    over: async () => void (await Promise.all(uploads.map(({ over }) => over))),
    async store(content, options, run) {
      const { signal } = options
      signal?.throwIfAborted()
      const before = uploads.findLast(upload => isSame(upload.content, content))
      const upload =
        before !== undefined && isJoinable(before, options) ? before : begin(content, options, run, before)
      const waiter: Waiter = { options, outcome: Promise.withResolvers() }
      upload.waiting.add(waiter)
      try {
        return await raceSignal(waiter.outcome.promise, signal)
      } finally {
        upload.waiting.delete(waiter)
        if (upload.waiting.size === 0) upload.stop.abort(signal?.reason)
      }
    },
  }
}

/** Comparing is cheaper than hashing, and ends at the first byte that differs. */
function isSame(a: Content, b: Content): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return a.length === b.length && (a === b || equalBytes(a, b))
}

/** A caller that insists on an object of its own cannot share one. */
function isJoinable({ options: one, stop }: Upload, other: StoreOptions): boolean {
  if (stop.signal.aborted || one.force || other.force) return false
  if (wantsOwnObject(one) || wantsOwnObject(other) || one.reuse !== other.reuse) return false
  if (one.sendBy !== other.sendBy) return false
  return one.epochs === other.epochs && one.deletable === other.deletable
}

function wantsOwnObject({ sendObjectTo, share }: StoreOptions): boolean {
  return sendObjectTo !== undefined || share === true
}

/** The object, and what it cost, go to the caller that has waited for longest. */
function answer({ waiting }: Upload, result: StoreResult): void {
  const [first, ...others] = waiting
  first?.outcome.resolve(result)
  for (const { outcome } of others) outcome.resolve(asKnown(result))
}

function asKnown(result: StoreResult): StoreResult {
  if (result.kind === 'alreadyCertified') return result
  const { blobId, objectId, storage } = result.blob
  return { kind: 'alreadyCertified', blobId, objectId, endEpoch: storage.endEpoch }
}
