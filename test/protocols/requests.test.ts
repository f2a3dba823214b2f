import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ProtocolError } from '../../protocols/index.ts'
import { eventually } from './support/eventually.ts'
import { blobId, EPOCH, INFO, keyOf, metadataOf, primary, secondary, sliverBytes } from './support/fakes.ts'
import { type TestClient, type TestServer, testPeers } from './support/peers.ts'

describe('protocols between two peers', () => {
  const peers = testPeers()
  let server: TestServer
  let reader: TestClient

  before(async () => {
    server = await peers.server()
    reader = await peers.client()
  })
  after(() => peers.stop())

  const upload = (id: ReturnType<typeof blobId>, length: number, sent: string[] = []) => {
    const metadata = metadataOf(id, length)
    const header = { metadata, persistence: { kind: 'permanent' as const }, registerDigest: 'digest' }
    const sliver = (ref: ReturnType<typeof primary>) => {
      sent.push(`${ref.axis} ${ref.pair}`)
      return sliverBytes(metadata, ref)
    }
    return reader.client.store(server.address, { header, sliver })
  }

  it('stores what is wanted and returns the confirmation', async () => {
    const id = blobId(1)
    const outcome = await upload(id, 1_000)
    assert.equal(outcome.epoch, EPOCH)
    assert.deepEqual(outcome.confirmation.message, new Uint8Array(43).fill(1))
    const metadata = metadataOf(id, 1_000)
    for (const ref of server.node.wanted) {
      assert.deepEqual(server.node.slivers.stored.get(keyOf(id, ref)), sliverBytes(metadata, ref))
    }
    assert.equal(server.node.openSessions, 0)
  })

  it('tells how many slivers the node lacks, before the first is sent', async () => {
    const metadata = metadataOf(blobId(40), 1_000)
    const header = { metadata, persistence: { kind: 'permanent' as const }, registerDigest: 'digest' }
    const told: unknown[] = []
    await reader.client.store(server.address, {
      header,
      onWanted: slivers => told.push(slivers),
      sliver(ref) {
        told.push('sent')
        return sliverBytes(metadata, ref)
      },
    })
    const { length } = server.node.wanted
    assert.deepEqual(told, [length, ...Array(length).fill('sent')])
  })

  it('lets eight slivers be verified and written at a time, and reads no more meanwhile', async () => {
    const { custody, wanted } = server.node
    const gate = Promise.withResolvers<void>()
    let accepting = 0
    server.node.wanted = Array.from({ length: 12 }, (_, pair) => primary(pair))
    const { open } = custody
    custody.open = async (...args) => {
      const session = await open(...args)
      const receive: typeof session.receive = async ref => {
        const arriving = await session.receive(ref)
        const accept = async () => {
          accepting++
          await gate.promise
          await arriving.accept()
        }
        return { ...arriving, accept }
      }
      return { ...session, receive }
    }
    try {
      const uploading = upload(blobId(9), 1_000)
      await eventually(
        () => accepting >= 8,
        () => `${accepting} slivers`,
      )
      // the others have arrived: one that did not wait would have taken them by then
      for (let i = 0; i < 200; i++) await nextTurn()
      assert.equal(accepting, 8)
      gate.resolve()
      await uploading
      assert.equal(accepting, 12)
    } finally {
      gate.resolve()
      custody.open = open
      server.node.wanted = wanted
    }
  })

  it('sends nothing that the node has already', async () => {
    await upload(blobId(2), 1_000)
    server.node.slivers.stored.delete(keyOf(blobId(2), secondary(1)))
    const sent: string[] = []
    const outcome = await upload(blobId(2), 1_000, sent)
    assert.deepEqual(sent, ['secondary 1'])
    assert.equal(outcome.sentBytes, sliverBytes(metadataOf(blobId(2), 1_000), secondary(1)).length)
  })

  it('fetches a list in one request and says what is missing', async () => {
    const id = blobId(3)
    await upload(id, 900_000)
    const refs = [primary(0), primary(7), secondary(1)]
    const items = refs.map(ref => ({ blobId: id, ref }))
    const got = new Map<string, Uint8Array | undefined>()
    for await (const { item, bytes } of reader.client.fetch(server.address, items))
      got.set(keyOf(id, item.ref), bytes)
    assert.equal(got.size, 3)
    assert.equal(got.get(keyOf(id, primary(7))), undefined)
    for (const ref of [primary(0), secondary(1)]) {
      assert.deepEqual(got.get(keyOf(id, ref)), sliverBytes(metadataOf(id, 900_000), ref))
    }
  })

  it('answers status, metadata and node info, and takes a certificate', async () => {
    const id = blobId(4)
    const { client } = reader
    assert.deepEqual(await client.blobStatus(server.address, id), { kind: 'nonexistent' })
    assert.equal(await client.metadata(server.address, id), undefined)
    await upload(id, 77)
    const status = await client.blobStatus(server.address, id)
    assert.deepEqual(status, {
      kind: 'known',
      certified: true,
      initialCertifiedEpoch: EPOCH,
      endEpoch: 9,
      deletable: true,
    })
    let heard = 0
    const onBytes = (bytes: number): void => {
      heard += bytes
    }
    const found = await client.metadata(server.address, id, { onBytes })
    assert.deepEqual(found, metadataOf(id, 77))
    assert.ok(heard > metadataOf(id, 77).hashes.length)
    assert.deepEqual(await client.nodeInfo(server.address), INFO)
    const certificate = {
      epoch: EPOCH,
      signers: [0, 2, 5],
      message: new Uint8Array(43),
      signature: new Uint8Array(96).fill(9),
    }
    await client.submitCertificate(server.address, certificate)
    assert.deepEqual(server.node.certificates.received, [certificate])
  })

  it('is told by a node that is out of file descriptors to come again later', async () => {
    const cause = Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    const { open } = server.node.custody
    server.node.custody.open = async () => {
      throw new Error('the store cannot be opened', { cause })
    }
    try {
      await assert.rejects(upload(blobId(9), 1_000), (error: unknown) => {
        assert.ok(error instanceof ProtocolError)
        assert.deepEqual([error.code, error.remote], ['BUSY', true])
        assert.ok(error.retryAfterMs !== undefined && error.retryAfterMs > 0)
        return true
      })
    } finally {
      server.node.custody.open = open
    }
  })

  it('keeps streams open for the next request', async () => {
    const open = () =>
      server.libp2p
        .getConnections()
        .flatMap(({ streams }) => streams.filter(s => s.protocol === '/floe/status/1.0.0'))
    await reader.client.nodeInfo(server.address)
    const before = open().map(({ id }) => id)
    for (let i = 0; i < 5; i++) await reader.client.nodeInfo(server.address)
    assert.deepEqual(
      open().map(({ id }) => id),
      before,
    )
    assert.equal(before.length, 1)
  })
})
