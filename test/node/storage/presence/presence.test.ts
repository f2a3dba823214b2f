import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { openPresence, type PresenceComponents } from '../../../../node/storage/presence/presence.ts'

describe('a presence that cannot be opened', () => {
  /** A server at a port, which is then free again. */
  const listenAt = async (port: number): Promise<number> => {
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    const { port: taken } = server.address() as { port: number }
    server.close()
    await once(server, 'close')
    return taken
  }

  it('leaves nothing listening', async () => {
    const port = await listenAt(0)
    const components = {
      network: { systemObjectId: `0x${'7'.repeat(64)}`, peers: [] },
      reach: 'auto',
      relays: ['/no/address/p2p/of-a-relay'],
      addresses: { onLearned: () => () => undefined },
      sequence: { sequence: async () => 0, setSequence: async () => undefined },
      members: () => [],
      isMember: () => false,
      others: async () => [],
      metrics: {},
      clock: systemClock,
      random: Math.random,
      log: silentLog(),
    } as unknown as PresenceComponents
    const place = { seed: new Uint8Array(32).fill(1), listen: [`/ip4/127.0.0.1/tcp/${port}`] }
    await assert.rejects(openPresence(components, place), /no|protocol|multiaddr/i)
    await listenAt(port)
  })
})
