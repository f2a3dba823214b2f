import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import { parseBlobId } from '../../codec/index.ts'
import { type Devnet, type DevnetOptions, startDevnet } from '../../node/devnet/devnet.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { connectSdk, fundedKey } from './support/walrus-sdk.ts'

describe('a network whose contract is of version 3', function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet | undefined
  const start = async (options: DevnetOptions = {}) => {
    devnet = await startDevnet({ dir: folder.path, port: 0, log: silentLog(), ...options })
    return devnet
  }
  const stop = async () => {
    await devnet?.close()
    devnet = undefined
  }
  before(async () => {
    folder = await temporaryFolder()
  })
  afterEach(stop)
  after(() => folder?.remove())

  it("serves Floe and Walrus's own SDK as one of version 4 does", async () => {
    const { network, client } = await start({ contractVersion: 3 })
    const coordinator = createCoordinator(network)
    try {
      assert.equal((await coordinator.packages()).contractVersion, 3)
    } finally {
      await coordinator.close()
    }
    const errors: Error[] = []
    const { walrus } = connectSdk(network, error => errors.push(error))
    const blob = Uint8Array.from(randomBytes(10_000))
    const written = await walrus.writeBlob({
      blob,
      deletable: true,
      epochs: 3,
      signer: await fundedKey(network),
    })
    assert.deepEqual(errors, [])
    assert.deepEqual(Uint8Array.from((await client.read(parseBlobId(written.blobId))).data), blob)
    const data = Uint8Array.from(randomBytes(20_000))
    const stored = await client.store(data, { epochs: 2, deletable: false })
    const blobId = stored.kind === 'newlyCreated' ? stored.blob.blobId : stored.blobId
    assert.deepEqual(await walrus.readBlob({ blobId }), data)
  })

  it('is continued as it is, and not as another', async () => {
    await assert.rejects(start({ contractVersion: 4 }), {
      code: 'DEVNET_CONTRACT',
      details: { dir: folder.path, contractVersion: 3 },
    })
    await assert.rejects(start({ epochMs: 3_600_000 }), {
      code: 'DEVNET_EPOCH',
      details: { dir: folder.path, epochMs: 86_400_000 },
    })
    await start({ epochMs: 86_400_000 })
  })
})
