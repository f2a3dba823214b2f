import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createCoordinator } from '../../chain/index.ts'
import { startLocalnet } from '../../chain/localnet/index.ts'
import { createCodec } from '../../codec/index.ts'
import { createClient, createReader } from '../../node/client/index.ts'
import { type Devnet, startDevnet } from '../../node/devnet/index.ts'
import { createGateway } from '../../node/gateway/index.ts'

const text = new TextEncoder().encode('kept')
const refused = ({ cause }: Error) =>
  cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED'

describe('await using', function () {
  this.timeout(60_000)
  let devnet: Devnet
  before(async () => {
    devnet = await startDevnet({ nodes: 4, shards: 10 })
  })
  after(() => devnet.close())

  /** What was held, after its block. */
  async function ended<T extends AsyncDisposable>(made: T | Promise<T>, use?: (held: T) => Promise<unknown>) {
    await using held = await made
    await use?.(held)
    return held
  }

  it('closes a client and a reader', async () => {
    const store = { epochs: 1, deletable: true }
    const client = await ended(createClient(devnet.network, { wallet: devnet.user }))
    await assert.rejects(client.store(text, store), { name: 'ClientError', code: 'CLOSED' })
    const { blobId } = await devnet.client.store(text, store)
    const reader = await ended(createReader(devnet.network), async open => {
      assert.ok(!('store' in open))
      assert.deepEqual((await open.read(blobId)).data, text)
    })
    await assert.rejects(reader.read(blobId), { code: 'CLOSED' })
  })

  it('closes a coordinator and a codec', async () => {
    const chain = await ended(createCoordinator(devnet.network), open => open.system())
    await assert.rejects(chain.committees({ fresh: true }), { name: 'ChainError', code: 'CLOSED' })
    const codec = await ended(createCodec({ threads: 1 }), open => open.metadata(text, 10))
    await assert.rejects(codec.metadata(text, 10), { name: 'CodecError', code: 'CLOSED' })
  })

  it('stops a gateway, a localnet and a storage node', async () => {
    const { client, network } = devnet
    const gateway = createGateway({ client, network, port: 0 })
    let url = ''
    await ended(gateway, async open => {
      await open.start()
      url = open.url
      assert.equal((await fetch(`${url}/v1/health`)).status, 200)
    })
    await assert.rejects(fetch(url), refused)
    const localnet = await ended(startLocalnet(), async open => {
      assert.ok((await fetch(open.url)).status > 0)
    })
    await assert.rejects(fetch(localnet.url), refused)
    const node = devnet.nodes[3]!.running!
    await ended(node)
    await assert.rejects(fetch(node.httpUrl!), refused)
  })

  it('ends a devnet, and takes its temporary folder away', async () => {
    const { dir, gatewayUrl } = await ended(devnet, async open => assert.ok(existsSync(open.dir)))
    await assert.rejects(fetch(gatewayUrl), refused)
    assert.ok(!existsSync(dir))
  })
})
