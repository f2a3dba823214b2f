import { type Bandwidth, type Mover, SMALL_ANSWER_BYTES } from '../quota/bandwidth.ts'

/** What one request moves beyond a small answer. */
export interface Transfers {
  /**
   * So many bytes more of bodies are about to be sent, or taken in. Throws BUSY where that makes it more than a small answer, and the
   * line cannot carry it, and OVER_CAP where the month is used up and it is more than a small answer, or one too many of them.
   */
  expect(direction: 'in' | 'out', bytes: number): void
  /** The request is over. */
  end(): void
}

/** The transfers of one request with a peer, and what that counts for; without a bandwidth nothing is counted. */
export function createTransfers(mover: Mover, bandwidth: Bandwidth | undefined): Transfers {
  const expected = { in: 0, out: 0 }
  const begun: { in?: () => void; out?: () => void } = {}
  return {
    expect(direction, bytes) {
      expected[direction] += bytes
      if (bandwidth === undefined) return
      if (expected[direction] > SMALL_ANSWER_BYTES)
        begun[direction] ??= bandwidth.begin(mover, direction === 'out' ? 'up' : 'down')
      else if (direction === 'out') bandwidth.small(mover, bytes)
    },
    end() {
      begun.in?.()
      begun.out?.()
    },
  }
}
