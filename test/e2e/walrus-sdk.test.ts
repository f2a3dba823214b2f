import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519'
import { WalrusFile } from '@mysten/walrus'
import { silentLog } from '../../base/log.ts'
import { parseBlobId } from '../../codec/index.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from './support/epochs.ts'
import { connectSdk, fundedKey, type Sdk } from './support/walrus-sdk.ts'

const bytes = (length: number) => Uint8Array.from(randomBytes(length))

describe("Walrus's own SDK, unmodified, against a devnet", function () {
  this.timeout(120_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let signer: Ed25519Keypair
  let sdk: Sdk
  /** what storage nodes refused or did not answer */
  let errors: Error[]
  const start = async () => {
    devnet = await startDevnet({ dir: folder.path, port: 0, log: silentLog() })
  }
  /** With nothing cached, as a page has it that was loaded again. */
  const connect = () => connectSdk(devnet.network, error => errors.push(error))
  const storedByFloe = async (data: Uint8Array) => {
    const stored = await devnet.client.store(data, { epochs: 2, deletable: false })
    return stored.kind === 'newlyCreated' ? stored.blob.blobId : stored.blobId
  }
  const readByFloe = async (blobId: string) =>
    Uint8Array.from((await devnet.client.read(parseBlobId(blobId))).data)

  before(async () => {
    folder = await temporaryFolder()
    await start()
    signer = await fundedKey(devnet.network)
  })
  after(async () => {
    await devnet?.close()
    await folder?.remove()
  })
  beforeEach(() => {
    errors = []
    sdk = connect()
  })

  for (const size of [0, 1, 100_000, 3_000_000]) {
    it(`writes a deletable blob of ${size} bytes, and both read it`, async () => {
      const blob = bytes(size)
      const { blobId, blobObject } = await sdk.walrus.writeBlob({ blob, deletable: true, epochs: 3, signer })
      assert.equal(blobObject.deletable, true)
      assert.equal(typeof blobObject.certified_epoch, 'number')
      assert.deepEqual(await sdk.walrus.readBlob({ blobId }), blob)
      assert.deepEqual(await readByFloe(blobId), blob)
      assert.deepEqual(errors, [])
    })
  }

  it('writes a permanent blob, whose status enough nodes agree on', async () => {
    const blob = bytes(500)
    const { blobId, blobObject } = await sdk.walrus.writeBlob({ blob, deletable: false, epochs: 1, signer })
    assert.equal(blobObject.deletable, false)
    // the chain has its certificate; nodes hear of that when its events reach them
    const status = await until('enough nodes know that it is certified', async () => {
      const known = await sdk.walrus.getVerifiedBlobStatus({ blobId })
      assert.ok(known.type === 'permanent')
      return known.isCertified && known
    })
    const { isCertified, endEpoch, initialCertifiedEpoch, deletableCounts } = status
    assert.deepEqual(
      { isCertified, endEpoch, initialCertifiedEpoch, deletableCounts },
      {
        isCertified: true,
        endEpoch: blobObject.storage.end_epoch,
        initialCertifiedEpoch: blobObject.certified_epoch,
        deletableCounts: { count_deletable_total: 0, count_deletable_certified: 0 },
      },
    )
    assert.match(status.statusEvent.txDigest, /^[1-9A-HJ-NP-Za-km-z]{43,44}$/)
  })

  it('reads a blob that Floe stored', async () => {
    const data = bytes(50_000)
    const blobId = await storedByFloe(data)
    assert.deepEqual(await sdk.walrus.readBlob({ blobId }), data)
    // nodes outside the first quorum get their slivers after the answer, which may be a moment later than they are asked
    const others = errors.filter(
      error => !(error instanceof Error && 'status' in error && error.status === 404),
    )
    assert.deepEqual(others, [])
  })

  it('takes up again an upload that was cut off after the registration', async () => {
    const blob = bytes(40_000)
    const flow = sdk.walrus.writeBlobFlow({ blob })
    await flow.encode()
    const registered = await flow.executeRegister({
      signer,
      epochs: 1,
      deletable: true,
      owner: signer.toSuiAddress(),
    })
    const { blobId } = await connect().walrus.writeBlob({
      blob,
      epochs: 1,
      deletable: true,
      signer,
      resume: registered,
    })
    assert.deepEqual(await readByFloe(blobId), blob)
  })

  it("reads files that were stored as a quilt at the gateway's publisher", async () => {
    const form = new FormData()
    form.append('one', new Blob(['contents of one']), 'one.txt')
    form.append('two/2', new Blob(['contents of two']), 'two.txt')
    form.append('_metadata', JSON.stringify([{ identifier: 'one', tags: { length: '3' } }]))
    const response = await fetch(`${devnet.gatewayUrl}/v1/quilts?epochs=2`, { method: 'PUT', body: form })
    assert.equal(response.status, 200)
    const { storedQuiltBlobs } = await response.json()
    const ids = storedQuiltBlobs.map(({ quiltPatchId }: { quiltPatchId: string }) => quiltPatchId)
    const [one, two] = await sdk.walrus.getFiles({ ids })
    assert.deepEqual(
      [await one?.getIdentifier(), await one?.text(), await one?.getTags()],
      ['one', 'contents of one', { length: '3' }],
    )
    assert.deepEqual([await two?.getIdentifier(), await two?.text()], ['two/2', 'contents of two'])
  })

  it('writes files as a quilt and reads one of them', async () => {
    const files = ['one', 'two', 'three'].map(identifier =>
      WalrusFile.from({
        contents: new TextEncoder().encode(`contents of ${identifier}`),
        identifier,
        tags: { length: String(identifier.length) },
      }),
    )
    const written = await sdk.walrus.writeFiles({ files, deletable: true, epochs: 2, signer })
    const read = await connect().walrus.getFiles({ ids: written.map(({ id }) => id) })
    const identifiers = await Promise.all(read.map(file => file.getIdentifier()))
    assert.deepEqual(identifiers.toSorted(), ['one', 'three', 'two'])
    const three = read[identifiers.indexOf('three')]!
    assert.equal(await three.text(), 'contents of three')
    assert.deepEqual(await three.getTags(), { length: '5' })
    assert.deepEqual(errors, [])

    // and the gateway as an aggregator, by patch ID, by name and by list
    const get = (path: string) => fetch(`${devnet.gatewayUrl}/v1/${path}`)
    const [{ id, blobId }] = written as [(typeof written)[number]]
    const patch = await get(`blobs/by-quilt-patch-id/${id}`)
    assert.match(await patch.text(), /^contents of /)
    assert.equal(patch.headers.get('etag'), `"${id}"`)
    const byName = await get(`blobs/by-quilt-id/${blobId}/three`)
    assert.equal(await byName.text(), 'contents of three')
    assert.equal(byName.headers.get('x-quilt-patch-tag-length'), '5')
    const listed = (await (await get(`quilts/${blobId}/patches`)).json()) as { patch_id: string }[]
    assert.deepEqual(
      listed.map(({ patch_id }) => patch_id).toSorted(),
      written.map(file => file.id).toSorted(),
    )
  })

  it('sets, reads and removes attributes, extends, and deletes', async () => {
    const blob = bytes(300)
    const attributes = { kind: 'test', colour: 'red' }
    const options = { blob, deletable: true, epochs: 2, signer, attributes }
    const { blobId, blobObject } = await sdk.walrus.writeBlob(options)
    const blobObjectId = blobObject.id
    assert.deepEqual(await sdk.walrus.readBlobAttributes({ blobObjectId }), attributes)
    await sdk.walrus.executeWriteBlobAttributesTransaction({
      blobObjectId,
      signer,
      attributes: { 'content-type': 'image/gif' },
    })
    const byObject = await fetch(`${devnet.gatewayUrl}/v1/blobs/by-object-id/${blobObjectId}`)
    assert.deepEqual(new Uint8Array(await byObject.arrayBuffer()), blob)
    assert.equal(byObject.headers.get('content-type'), 'image/gif')
    await sdk.walrus.executeWriteBlobAttributesTransaction({
      blobObjectId,
      signer,
      attributes: { 'content-type': null },
    })
    await sdk.walrus.executeWriteBlobAttributesTransaction({
      blobObjectId,
      signer,
      attributes: { kind: null, colour: 'blue' },
    })
    assert.deepEqual(await connect().walrus.readBlobAttributes({ blobObjectId }), { colour: 'blue' })

    await sdk.walrus.executeExtendBlobTransaction({ blobObjectId, epochs: 5, signer })
    const extended = await connect().walrus.getBlobObject(blobObjectId)
    assert.equal(extended.storage.end_epoch, blobObject.storage.end_epoch + 5)

    await sdk.walrus.executeDeleteBlobTransaction({ blobObjectId, signer })
    await Promise.all(
      devnet.nodes.map(async ({ running }) => {
        const gone = await running?.blobs.waitFor(parseBlobId(blobId), s => s?.registrations.length === 0, {
          timeoutMs: 10_000,
        })
        assert.deepEqual(gone?.registrations, [])
      }),
    )
    assert.deepEqual(await connect().walrus.getVerifiedBlobStatus({ blobId }), { type: 'nonexistent' })
  })

  it('writes and reads while nodes are down', async () => {
    const blob = bytes(20_000)
    const down = devnet.nodes.slice(3, 6)
    await Promise.all(down.map(node => node.stop()))
    const { blobId } = await sdk.walrus.writeBlob({ blob, deletable: true, epochs: 1, signer })
    assert.ok(errors.length > 0)
    await Promise.all(down.map(node => node.start()))
    await Promise.all(devnet.nodes.slice(7, 10).map(node => node.stop()))
    assert.deepEqual(await connect().walrus.readBlob({ blobId }), blob)
    await Promise.all(devnet.nodes.map(node => node.start()))
  })

  it('finds the nodes after a restart, also one whose port was taken meanwhile', async () => {
    const blob = bytes(10_000)
    const { blobId } = await sdk.walrus.writeBlob({ blob, deletable: true, epochs: 1, signer })
    const before = devnet.network.peers.map(({ http }) => http!)
    await devnet.close()
    const squatter: Server = createServer(socket => socket.destroy())
    squatter.listen(Number(new URL(before[0]!).port), '127.0.0.1')
    await once(squatter, 'listening')
    try {
      await start()
      const after = devnet.network.peers.map(({ http }) => http!)
      assert.notEqual(after[0], before[0])
      assert.deepEqual(after.slice(1), before.slice(1))
      assert.deepEqual(await connect().walrus.readBlob({ blobId }), blob)
      assert.deepEqual(errors, [])
    } finally {
      squatter.close()
    }
  })
})
