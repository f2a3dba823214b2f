import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { silentLog } from '../../../../base/log.ts'
import {
  createOwnReach,
  type OwnReach,
  type OwnReachInit,
} from '../../../../node/storage/presence/own-reach.ts'
import { NETWORK } from '../../../protocols/support/fakes.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('a node that finds out how it is reached', () => {
  let clock: VirtualClock
  let did: string[]
  let own: string[]
  let ownReach: OwnReach
  beforeEach(() => {
    clock = new VirtualClock()
    did = []
    own = []
    const connections: Connection[] = []
    const libp2p = Object.assign(new EventTarget(), {
      getConnections: () => connections,
      getMultiaddrs: () => own.map(text => multiaddr(text)),
      setHome: (isHome: boolean) => void did.push(isHome ? 'home' : 'outside'),
    }) as unknown as OwnReachInit['libp2p']
    ownReach = createOwnReach({
      network: { kind: 'localnet', systemObjectId: NETWORK },
      libp2p,
      keeper: {
        start: () => void did.push('relays'),
        stop: async () => void did.push('no relays'),
        addresses: () => [],
      },
      relays: [],
      isMember: () => true,
      upnp: true,
      changed: () => did.push('changed'),
      clock,
      random: Math.random,
      log: silentLog(),
    })
  })
  afterEach(async () => {
    await ownReach.stop()
    assert.equal(clock.waiting, 0)
  })

  it('calls relays, with few connections, when nobody reaches it, and keeps them while it rests', async () => {
    ownReach.start()
    await clock.advance(10_000)
    assert.deepEqual(did, ['home', 'changed', 'relays'])
    await ownReach.rest()
    ownReach.start()
    await clock.advance(10_000)
    assert.deepEqual(did, ['home', 'changed', 'relays'])
    await ownReach.stop()
    assert.deepEqual(did.slice(3), ['no relays'])
  })

  it('does nothing before somebody could tell', async () => {
    own = ['/ip4/192.168.1.5/tcp/4001']
    ownReach.start()
    await clock.advance(60_000)
    assert.deepEqual(did, [])
  })
})
