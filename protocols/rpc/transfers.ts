import { type Bandwidth, SMALL_ANSWER_BYTES } from '../quota/bandwidth.ts'

/** What one request moves beyond a small answer. */
export interface Transfers {
  /**
   * So many bytes more of bodies are about to be sent, or taken in. Throws BUSY and OVER_CAP where that makes it more than a small
   * answer, and the line cannot carry it.
   */
  expect(direction: 'in' | 'out', bytes: number): void
  /** The request is over. */
  end(): void
}

/** The transfers of one request with a peer, and what that counts for; without a bandwidth nothing is counted. */
export function createTransfers(
  { peer, account }: { peer: string; account?: string },
  bandwidth: Bandwidth | undefined,
): Transfers {
  const expected = { in: 0, out: 0 }
  const begun: { in?: () => void; out?: () => void } = {}
  return {
    expect(direction, bytes) {
      expected[direction] += bytes
      if (bandwidth === undefined || expected[direction] <= SMALL_ANSWER_BYTES) return
      begun[direction] ??= bandwidth.begin(peer, direction === 'out' ? 'up' : 'down', account)
    },
    end() {
      begun.in?.()
      begun.out?.()
    },
  }
}
