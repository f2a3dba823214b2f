import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findNetwork, parseHostPort, parseNetworkConfig, readNodeConfig } from '../../node/config.ts'
import { temporaryFolder } from '../support/temporary.ts'

const node = {
  schemaVersion: 2,
  name: 'n',
  network: '0x1',
  listen: ['/ip4/127.0.0.1/tcp/1'],
}

describe("a node's config", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())
  const read = async (text: string) => {
    const path = join(folder.path, 'config.json')
    await writeFile(path, text)
    return await readNodeConfig(path)
  }

  it('may have comments, and commas behind the last', async () => {
    const text = `// a node\n${JSON.stringify(node).slice(0, -1)}, /* "http": "no", */ "metrics": "[::1]:9",\n}`
    assert.deepEqual(await read(text), { ...node, metrics: '[::1]:9' })
  })

  it('may say that the HTTP API is reached over a relay', async () => {
    const publicHttp = 'relay.example.org:4080/peers/12D3KooWHFrmLWTTDD4NodngtRMEVYgxrsDMp4F9iSwYntZ9WjHa'
    assert.deepEqual(await read(JSON.stringify({ ...node, publicHttp })), { ...node, publicHttp })
  })

  it('names the field that is wrong', async () => {
    const wrong: [string, unknown][] = [
      ['name', ''],
      ['network', undefined],
      ['networkFile', 7],
      ['listen', '/ip4/127.0.0.1/tcp/1'],
      ['announce', ['127.0.0.1:1']],
      ['http', '127.0.0.1'],
      ['publicHttp', 'example.org:70000'],
      ['publicHttp', 'example.org:80/peers/a b'],
      ['publicHttp', 'http://example.org:80'],
      ['metrics', 9184],
      ['store', ''],
      ['limits', { httpConnections: 0 }],
      ['limits', { reservedBytes: -1 }],
      ['limits', null],
      ['limits', { recoveryThreads: 0 }],
      ['limits', { recoveryBytesPerSecond: 0.5 }],
      ['limits', { recoveryBytesInFlight: '1 GiB' }],
      ['reach', 'hidden'],
      ['relays', ['/ip4/192.0.2.1/tcp/4001']],
      ['bandwidth', { bytesPerMonth: 0.5 }],
      ['bandwidth', { quietHours: [{ from: '22:00' }] }],
      ['bandwidth', { quietHours: [{ from: '22:00', to: '24:00' }] }],
      ['upnp', 'no'],
    ]
    for (const [field, value] of wrong) {
      await assert.rejects(
        read(JSON.stringify({ ...node, [field]: value })),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'CONFIG_MALFORMED')
          assert.match(error.message, new RegExp(`"${field}"$`))
          return true
        },
      )
    }
  })

  it('says the least rate at which a node gets anything back', async () => {
    for (const rate of [1, 65_535])
      await assert.rejects(read(JSON.stringify({ ...node, limits: { recoveryBytesPerSecond: rate } })), {
        code: 'CONFIG_MALFORMED',
        message: new RegExp(`"limits.recoveryBytesPerSecond" is ${rate}: make it 65536`),
      })
  })

  it('names the address that is none, of a node and of a network', async () => {
    const relay = '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
    const wrong: [keyof typeof node | 'relays' | 'announce', string][] = [
      ['listen', '/ip4/127.0.0.256/tcp/1'],
      ['announce', '/ip4/192.0.2.1/tpc/1'],
      ['relays', '/ip4/192.0.2.1/tcp/4001'],
      ['relays', '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWnobody'],
      ['relays', `${relay}/p2p-circuit/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp`],
    ]
    for (const [field, address] of wrong) {
      const tells = (error: Error & { code?: string }) =>
        error.code === 'CONFIG_MALFORMED' && error.message.includes(`"${address}"`)
      await assert.rejects(read(JSON.stringify({ ...node, [field]: [address] })), tells, address)
    }
    const network = {
      schemaVersion: 1,
      systemObjectId: '0x1',
      stakingObjectId: '0x2',
      walType: 'W',
      suiRpc: [],
      peers: [],
    }
    const bad = `${relay}/tcp`
    assert.throws(() => parseNetworkConfig(JSON.stringify({ ...network, relays: [relay, bad] }), 'n.json'), {
      code: 'CONFIG_MALFORMED',
      message: `n.json does not describe a network ("${bad}"): see its "relays"`,
    })
    assert.deepEqual(parseNetworkConfig(JSON.stringify({ ...network, relays: [relay] }), 'n.json').relays, [
      relay,
    ])
  })

  it('has no setting that nobody reads, and says which one may be meant', async () => {
    const messages: [Record<string, unknown>, RegExp][] = [
      [{ anounce: [] }, /config\.json has "anounce", .* did you mean "announce"\?$/],
      [{ upNP: false }, /has "upNP", .* did you mean "upnp"\?$/],
      [{ maxStorage: 1 }, /has "maxStorage", .* it knows schemaVersion, name, .*, upnp$/],
      [{ limits: { httpConnection: 5 } }, /"limits" of .* has "httpConnection", .* "httpConnections"\?$/],
      [{ bandwidth: { upBytePerSecond: 1 } }, /"bandwidth" of .* did you mean "upBytesPerSecond"\?$/],
    ]
    for (const [more, message] of messages)
      await assert.rejects(read(JSON.stringify({ ...node, ...more })), { code: 'CONFIG_MALFORMED', message })
  })

  it('says how it is reached, and what it may move', async () => {
    const all = {
      ...node,
      limits: {
        httpConnections: 1,
        httpConnectionsPerAddress: 1,
        reservedBytes: 1,
        scrubBytesPerSecond: 1,
        recoveryThreads: 0.5,
        recoveryBytesPerSecond: 64 * 1024,
        recoveryBytesInFlight: 1,
      },
      reach: 'private',
      relays: ['/dns/relay.example.org/tcp/4001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'],
      bandwidth: {
        upBytesPerSecond: 1_000_000,
        bytesPerMonth: 1_000_000_000_000,
        quietHours: [{ from: '22:00', to: '07:30', downBytesPerSecond: 5_000_000 }],
      },
      upnp: false,
    }
    assert.deepEqual(await read(JSON.stringify(all)), all)
  })

  it('of the version before is read', async () => {
    const old = { ...node, schemaVersion: 1 }
    assert.deepEqual(await read(JSON.stringify(old)), old)
  })

  it('of a later version is refused', async () => {
    await assert.rejects(read(JSON.stringify({ ...node, schemaVersion: 3 })), { code: 'CONFIG_NEWER' })
  })

  it('has addresses with a port', () => {
    assert.deepEqual(parseHostPort('node.example.org:80'), { host: 'node.example.org', port: 80 })
    assert.deepEqual(parseHostPort('[::]:1'), { host: '::', port: 1 })
    for (const text of ['', ':1', 'a:', '::1:1', 'a b:1', 'a:65536', 'http://a:1'])
      assert.equal(parseHostPort(text), undefined, text)
  })

  it('names public networks', async () => {
    assert.equal((await findNetwork('testnet', folder.path)).kind, 'testnet')
    await assert.rejects(findNetwork('other', folder.path), { code: 'ENOENT' })
  })
})
