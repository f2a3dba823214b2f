import type { LedgerObject } from '../ledger/object.ts'
import { MAX_DISPLAY_LENGTH } from './convert/display.ts'
import type { Mask } from './mask.ts'
import { limited } from './status.ts'

/** What replies may weigh. An object counts once for each form in which it is asked for. */
export const REPLY_LIMITS = {
  /** a page ends early, with a token for what follows: clients of gRPC take 4 MiB at once */
  pageBytes: 2 * 1024 * 1024,
  /** what is asked for by name is given whole or refused; the largest transaction with all its objects */
  replyBytes: 32 * 1024 * 1024,
  /** of a batch: what does not fit can be asked for in two */
  batchBytes: 8 * 1024 * 1024,
} as const

/** ID, version, digest, owner and so on */
const HEAD_BYTES = 300
/** JSON of small numbers takes so much more room than their bytes. */
const JSON_FACTOR = 8
/** A package's message describes every type and function. */
const PACKAGE_FACTOR = 8

export function objectWeight(object: LedgerObject, mask: Mask): number {
  const size =
    object.kind === 'move'
      ? object.contents.length
      : [...object.modules.values()].reduce((sum, code) => sum + code.length, 0)
  const forms =
    Number(mask.wants('bcs')) +
    (object.kind === 'move' ? Number(mask.wants('contents')) : mask.wants('package') ? PACKAGE_FACTOR : 0) +
    (mask.wants('json') ? JSON_FACTOR : 0)
  return HEAD_BYTES + size * forms + (mask.wants('display') ? MAX_DISPLAY_LENGTH : 0)
}

/** Adds up what a reply holds. */
export class ReplyBudget {
  readonly #maxBytes: number
  #spent = 0

  constructor(maxBytes: number = REPLY_LIMITS.replyBytes) {
    this.#maxBytes = maxBytes
  }

  /** Throws RpcStatus RESOURCE_EXHAUSTED when it does not fit. */
  spend(bytes: number): void {
    this.#spent += bytes
    if (this.#spent > this.#maxBytes)
      throw limited(
        'size',
        `the reply would hold more than ${this.#maxBytes} bytes; ask for fewer things or fields at once`,
        'RESOURCE_EXHAUSTED',
      )
  }
}

/** As many items as a page has room for, at least one; and where the next page starts when that is not all. */
export function fittingPage<T>(
  page: { items: T[]; next?: string },
  weightOf: (item: T) => number,
  keyOf: (item: T) => string,
): { items: T[]; next?: string } {
  let weight = 0
  for (const [i, item] of page.items.entries()) {
    weight += weightOf(item)
    if (weight > REPLY_LIMITS.pageBytes && i > 0)
      return { items: page.items.slice(0, i), next: keyOf(page.items[i - 1]!) }
  }
  return page
}
