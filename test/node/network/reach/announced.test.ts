import assert from 'node:assert/strict'
import { multiaddr } from '@multiformats/multiaddr'
import { announced } from '../../../../node/network/reach/announced.ts'

describe('what others are told of where a node is', () => {
  const peer = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
  const relayed = `/ip4/192.0.2.9/tcp/4001/p2p/${peer}/p2p-circuit`
  const own = [relayed, '/ip4/192.168.1.5/tcp/4001', `/ip4/192.0.2.1/tcp/4001/p2p/${peer}`]
  const tell = (...reached: [string, boolean][]) =>
    announced(
      own.map(text => multiaddr(text)),
      reached.map(([address, mapped]) => ({ address, mapped })),
    )

  it('is the surest first: its own addresses, forwarded ports, those that a router may forget, relays', () => {
    const [mapped, forwarded] = ['/ip4/192.0.2.7/tcp/4001', '/ip4/192.0.2.7/tcp/4002']
    assert.deepEqual(tell([mapped, true], [forwarded, false]), [own[1], own[2], forwarded, mapped, relayed])
  })

  it('has each address once', () => {
    assert.deepEqual(tell(['/ip4/192.0.2.1/tcp/4001', false]), [own[1], own[2], relayed])
    const longer = '/ip4/192.0.2.1/tcp/400'
    assert.deepEqual(tell([longer, false]), [own[1], own[2], longer, relayed])
  })
})
