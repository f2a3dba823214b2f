import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { RetryableWalrusClientError } from '@mysten/walrus'
import { parseBlobId } from '../../../codec/index.ts'
import { type Devnet, startDevnet } from '../../../node/devnet/devnet.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { controlEpochs, type EpochControl, testLog, until } from '../support/epochs.ts'
import { expectWalConserved } from '../support/wal.ts'
import { connectSdk, fundedKey, type Sdk } from '../support/walrus-sdk.ts'

/** What readers and writers share: blobs that were stored, and how often each of them came through. */
class Traffic {
  readonly stored: { blobId: string; data: Uint8Array }[] = []
  readonly counts = new Map<string, number>()
  readonly failed: unknown[] = []
  #stopping = false
  readonly #running: Promise<void>[] = []

  /** Does it again and again until `stop`. */
  add(what: string, once: () => Promise<void>): void {
    const run = async () => {
      while (!this.#stopping) {
        await once().then(
          () => this.counts.set(what, (this.counts.get(what) ?? 0) + 1),
          (error: unknown) => this.failed.push(new Error(what, { cause: error })),
        )
      }
    }
    this.#running.push(run())
  }
  any(among = this.stored.length) {
    return this.stored[Math.floor(Math.random() * among)]!
  }
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
  }
}

describe('while nodes join, leave and move stake', function () {
  this.timeout(240_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let epochs: EpochControl
  let signer: Ed25519Keypair
  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ nodes: 7, shards: 19, dir: folder.path, log: testLog() })
    epochs = controlEpochs(devnet)
    signer = await fundedKey(devnet.network)
  })
  after(async () => {
    await epochs?.[Symbol.asyncDispose]()
    await devnet?.close()
    await folder?.remove()
  })

  it("Floe's clients and Walrus's SDK read and write through five changes: nothing fails, nothing is lost", async () => {
    const traffic = new Traffic()
    const bytes = () => Uint8Array.from(randomBytes(1 + Math.floor(Math.random() * 20_000)))
    const writer = connectSdk(devnet.network)
    // it keeps the committee that it has read first, so that it reads what was there then
    let loaded = { sdk: connectSdk(devnet.network), blobs: 0 }
    /** An epoch that begins between the confirmations and the certificate is an error of the SDK's, and the app's to retry. */
    const writing = async (blob: Uint8Array) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await writer.walrus.writeBlob({ blob, deletable: true, epochs: 20, signer })
        } catch (error) {
          const began =
            error instanceof RetryableWalrusClientError ||
            /new_certified_message|bls_aggregate/.test(String(error))
          if (!began || attempt === 5) throw error
          writer.walrus.reset()
        }
      }
    }
    /** With less than eleven nodes it gives up when the first that it asks, any of them, does not have the metadata yet. */
    const reading = async (sdk: Sdk, blobId: string) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await sdk.walrus.readBlob({ blobId })
        } catch (error) {
          if (!(error instanceof RangeError) || attempt === 20) throw error
        }
      }
    }
    const store = async () => {
      const data = bytes()
      const { blobId } = await devnet.client.store(data, { epochs: 20, deletable: false })
      traffic.stored.push({ blobId, data })
    }
    const load = async () => {
      const { blobId } = traffic.any()
      const sdk = connectSdk(devnet.network)
      const blobs = traffic.stored.length
      await reading(sdk, blobId)
      loaded = { sdk, blobs }
    }
    await store()
    await load()
    traffic.add('Floe writes', store)
    traffic.add('Floe reads', async () => {
      const { blobId, data } = traffic.any()
      assert.deepEqual(Uint8Array.from((await devnet.client.read(parseBlobId(blobId))).data), data)
    })
    traffic.add('Walrus writes', async () => {
      const blob = bytes()
      const { blobId } = await writing(blob)
      traffic.stored.push({ blobId, data: blob })
    })
    traffic.add('Walrus reads', async () => {
      const { blobId, data } = traffic.any()
      assert.deepEqual(await reading(connectSdk(devnet.network), blobId), data)
    })
    traffic.add('Walrus reads with a committee of before', async () => {
      const { sdk, blobs } = loaded
      const { blobId, data } = traffic.any(blobs)
      assert.deepEqual(await reading(sdk, blobId), data)
    })
    try {
      for (const [i, { leave = [], stake = [] }] of [
        { leave: [0] },
        { stake: [0], leave: [1, 2] },
        { stake: [1, 3] },
        { leave: [3, 4], stake: [2] },
        { leave: [5, 6], stake: [4] },
      ].entries()) {
        for (const node of leave) await epochs.leave(node)
        for (const node of stake) await epochs.stake(node, 1_000n)
        await load()
        const before = new Map(traffic.counts)
        await epochs.turn()
        for (const what of traffic.counts.keys())
          await until(
            `${what} after change ${i + 1}`,
            async () =>
              (traffic.counts.get(what) ?? 0) > (before.get(what) ?? 0) || traffic.failed.length > 0,
          )
        if (traffic.failed.length > 0) break
      }
    } finally {
      await traffic.stop()
    }
    if (process.env.FLOE_TEST_LOG) console.log(traffic.counts)
    assert.deepEqual(traffic.failed, [])
    for (const { blobId, data } of traffic.stored)
      assert.deepEqual(Uint8Array.from((await devnet.client.read(parseBlobId(blobId))).data), data)
  })

  it('leaves as much WAL as there was', async () => {
    await devnet.close()
    await expectWalConserved(folder.path)
  })
})
