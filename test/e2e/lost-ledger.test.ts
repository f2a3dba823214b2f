import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../base/log.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('a devnet whose ledger has lost its end', function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet | undefined
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await devnet?.close()
    await folder.remove()
  })
  const running = async <T>(use: (net: Devnet) => Promise<T>): Promise<T> => {
    devnet = await startDevnet({ dir: folder.path, nodes: 4, shards: 10, port: 0, log: silentLog() })
    try {
      return await use(devnet)
    } finally {
      await devnet.close()
      devnet = undefined
    }
  }
  const store = async ({ client }: Devnet, data: Uint8Array) => {
    const result = await client.store(data, { epochs: 2, deletable: true })
    assert.equal(result.kind, 'newlyCreated')
    return result.kind === 'newlyCreated' ? result.blob.blobId : assert.fail()
  }

  it('stores and reads at once: nodes that are ahead of the chain follow it again', async () => {
    const [kept, lost, next] = [randomBytes(3_000), randomBytes(3_000), randomBytes(3_000)]
    const keptId = await running(net => store(net, kept))
    const [ledger, backup] = ['localnet', 'backup'].map(name => join(folder.path, name)) as [string, string]
    await cp(ledger, backup, { recursive: true })
    await running(net => store(net, lost))
    await rm(ledger, { recursive: true })
    await cp(backup, ledger, { recursive: true })
    await running(async net => {
      const nextId = await store(net, next)
      assert.ok(Buffer.from((await net.client.read(keptId)).data).equals(kept))
      assert.ok(Buffer.from((await net.client.read(nextId)).data).equals(next))
      // what was paid for on the lost part is stored anew like anything else
      await store(net, lost)
    })
  })
})
