import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { type FetchedSliver, fetchSlivers } from '../../../protocols/fetch/client.ts'
import { ProtocolError } from '../../../protocols/index.ts'
import type { Lease, StreamPool } from '../../../protocols/rpc/stream-pool.ts'
import { blobId, primary } from '../support/fakes.ts'
import { HurriedClock } from '../support/hurried-clock.ts'

/** One request: the slivers that the node does not have, by index, and how it ends then. */
interface Turn {
  answers: number[]
  error?: ProtocolError
}

describe('a fetch from a peer that falls silent', () => {
  const peer = { peerId: 'peer', multiaddrs: [] }
  const connections = ['one', 'two', 'three'].map(id => ({ id }) as Connection)
  let avoided: (string | undefined)[]
  beforeEach(() => {
    avoided = []
  })

  /** Each request is on a connection of its own. */
  function poolOf(turns: Turn[]): StreamPool {
    const lease = async (_: unknown, __: unknown, avoid?: Connection) => {
      const turn = turns[avoided.length]!
      const connection = connections[avoided.length]
      avoided.push(avoid?.id)
      const stream = {
        connection,
        send: async () => undefined,
        async receive() {
          const index = turn.answers.shift()
          if (index === undefined) throw turn.error
          return { index, total: null }
        },
      }
      return { stream, reused: false, release() {}, discard() {} } as unknown as Lease
    }
    return { clock: new HurriedClock(), lease, onBetter: () => () => undefined, close() {} }
  }

  const fetch = async (turns: Turn[]): Promise<number> => {
    const items = [0, 1, 2].map(pair => ({ blobId: blobId(1), ref: primary(pair) }))
    const got: FetchedSliver<(typeof items)[number]>[] = []
    for await (const one of fetchSlivers(poolOf(turns), peer, items)) got.push(one)
    return got.length
  }

  it('goes on over another connection, as the one may be dead and look open', async () => {
    const error = new ProtocolError('TIMEOUT')
    const turns = [{ answers: [0], error }, { answers: [0], error }, { answers: [0] }]
    assert.equal(await fetch(turns), 3)
    assert.deepEqual(avoided, [undefined, 'one', 'two'])
  })

  it('goes on over any, when the path was cut', async () => {
    const turns = [{ answers: [1], error: new ProtocolError('CONNECTION_LOST') }, { answers: [1, 0] }]
    assert.equal(await fetch(turns), 3)
    assert.deepEqual(avoided, [undefined, undefined])
  })
})
