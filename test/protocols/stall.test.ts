import assert from 'node:assert/strict'
import { systemClock } from '../../base/clock.ts'
import { ProtocolError } from '../../protocols/errors.ts'
import type { ClientStream } from '../../protocols/rpc/client-stream.ts'
import { beginRequest } from '../../protocols/rpc/request.ts'
import type { StreamPool } from '../../protocols/rpc/stream-pool.ts'
import { blockLoop } from '../support/block-loop.ts'

const peer = { peerId: 'peer', multiaddrs: [] }

describe('a request during a stall of this process', () => {
  /** A pool whose first lease fails so, after what a test does meanwhile; the next one succeeds. */
  const failingOnce = (error: ProtocolError, meanwhile: () => void) => {
    let leases = 0
    const pool = {
      clock: systemClock,
      async lease() {
        if (leases++ > 0) return { stream: {} as ClientStream, reused: false, release() {}, discard() {} }
        meanwhile()
        throw error
      },
    } as unknown as StreamPool
    return { pool, leases: () => leases }
  }
  const stall = () => blockLoop(1_600)

  it('is made again, once, when what lies below gave up', async () => {
    for (const code of ['UNREACHABLE', 'CONNECTION_LOST'] as const) {
      const { pool, leases } = failingOnce(new ProtocolError(code), stall)
      const { first } = await beginRequest(pool, peer, undefined, async () => 'answer')
      assert.equal(first, 'answer')
      assert.equal(leases(), 2)
    }
  }).timeout(20_000)

  it('is not made again when the peer refused, or when there was no stall', async () => {
    for (const [error, meanwhile] of [
      [new ProtocolError('BUSY', { remote: true }), stall],
      [new ProtocolError('UNREACHABLE'), () => {}],
    ] as const) {
      const { pool, leases } = failingOnce(error, meanwhile)
      await assert.rejects(
        beginRequest(pool, peer, undefined, async () => 'answer'),
        error,
      )
      assert.equal(leases(), 1)
    }
  })
})
