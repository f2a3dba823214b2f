import type { Clock } from '../../base/clock.ts'
import { isClientError } from '../client/errors.ts'
import { HttpError } from '../http/errors.ts'

/** What keeps the network from storing, as far as this gateway has seen. */
export interface UploadHealth {
  succeeded(): void
  failed(error: unknown): void
  /** What the last upload failed by, unless that is long ago or was the sender's own affair. */
  readonly problem: HttpError | undefined
}

// nobody may have tried since: what was wrong then may be mended
const REMEMBERED_MS = 60_000

export function createUploadHealth(clock: Clock): UploadHealth {
  let last: { problem: HttpError; atMs: number } | undefined
  return {
    succeeded() {
      last = undefined
    },
    failed(error) {
      const problem = problemOf(error)
      if (problem !== undefined) last = { problem, atMs: clock.monotonic() }
    },
    get problem() {
      return last !== undefined && clock.monotonic() - last.atMs < REMEMBERED_MS ? last.problem : undefined
    },
  }
}

function problemOf(error: unknown): HttpError | undefined {
  if (isClientError(error, 'NO_SPACE')) {
    const { noSpaceNodes } = error.details
    return new HttpError(503, 'NO_SPACE', `${noSpaceNodes} storage nodes had no room for the last upload`, {
      metadata: { noSpaceNodes },
      retryAfterSeconds: 60,
      cause: error,
    })
  }
  if (isClientError(error, 'CHAIN_UNAVAILABLE')) {
    return new HttpError(503, 'CHAIN_UNAVAILABLE', 'Sui took no transaction for the last upload', {
      retryAfterSeconds: 5,
      cause: error,
    })
  }
  return undefined
}
