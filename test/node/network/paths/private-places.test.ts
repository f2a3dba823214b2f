import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { multiaddr } from '@multiformats/multiaddr'
import { leadsInside, publicLookup } from '../../../../node/network/paths/private-places.ts'

describe('places that are not everybody’s', () => {
  const found: LookupAddress[] = [
    { address: '127.0.0.1', family: 4 },
    { address: '10.0.0.1', family: 4 },
    { address: '192.0.2.7', family: 4 },
    { address: '::ffff:192.168.1.1', family: 6 },
    { address: 'fd00::1', family: 6 },
    { address: '2001:db8::7', family: 6 },
  ]
  const askedFor: unknown[] = []
  const lookingUp = (addresses: LookupAddress[], failure: Error | null = null) => {
    const lookup = publicLookup((name, options, done) => {
      askedFor.push([name, options])
      done(failure, addresses)
    })
    return (all: boolean, family?: number) =>
      new Promise<unknown>((resolve, reject) => {
        lookup('example.org', { all, family }, (error, ...answer) =>
          error === null ? resolve(answer) : reject(error),
        )
      })
  }

  it('are left out of what a name stands for', async () => {
    const look = lookingUp(found)
    assert.deepEqual(await look(true), [[found[2], found[5]]])
    assert.deepEqual(await look(false, 4), ['192.0.2.7', 4])
    assert.deepEqual(askedFor, [
      ['example.org', { all: true, family: undefined }],
      ['example.org', { all: true, family: 4 }],
    ])
  })

  it('are no reason to try, where a name stands for nothing else', async () => {
    const nowhere = { code: 'ENOTFOUND', message: /no public IP address/ }
    await assert.rejects(lookingUp(found.slice(0, 2))(true), nowhere)
    await assert.rejects(lookingUp([])(false), nowhere)
    const failure = new Error('nobody answers')
    await assert.rejects(lookingUp([], failure)(true), failure)
  })

  it('are told by the IP that stands first', () => {
    const inside = ['/ip4/10.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/1', '/ip6/fe80::1/tcp/1', '/ip4/0.0.0.0/tcp/1']
    for (const text of inside) assert.ok(leadsInside(multiaddr(text)), text)
    const peer = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    const others = [
      '/ip4/192.0.2.1/tcp/1',
      '/ip6/2001:db8::1/tcp/1',
      '/dns4/example.org/tcp/1',
      `/p2p/${peer}`,
    ]
    for (const text of others) assert.ok(!leadsInside(multiaddr(text)), text)
  })
})
