import assert from 'node:assert/strict'
import {
  type Bandwidth,
  type BandwidthLimits,
  createBandwidth,
  type OpenSliver,
} from '../../protocols/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { blobId, keyOf, metadataOf, primary, sliverBytes } from './support/fakes.ts'
import { type TestClient, type TestServer, testPeers } from './support/peers.ts'

const KIB = 1024
/** Hellos, frames and answers beside the bodies. */
const OVERHEAD_BYTES = 4 * KIB

/** Slivers are opened at once, and read when the gate is open. */
function holdReads({ node: { slivers } }: TestServer, gate: Promise<void>, begun: () => void): void {
  const { open } = slivers
  slivers.open = async (...args) => {
    const sliver = await open(...args)
    const read: OpenSliver['read'] = async (...part) => {
      begun()
      await gate
      return sliver!.read(...part)
    }
    return { ...sliver!, read }
  }
}

describe('protocols on a line with limits', () => {
  const peers = testPeers()
  /** Of the line alone: what bounds waits for the other side goes on in real time. */
  let clock: VirtualClock
  let server: TestServer
  let reader: TestClient
  let bandwidth: Bandwidth

  const limited = (limits: BandwidthLimits, bytes = 0): Bandwidth => {
    clock = new VirtualClock(Date.UTC(2026, 10, 30, 23))
    bandwidth = createBandwidth({ limits, kept: { month: '2026-11', bytes }, clock })
    return bandwidth
  }
  afterEach(async () => {
    await peers.stop()
    bandwidth.close()
  })

  const store = (...lengths: number[]): void => {
    for (const [pair, length] of lengths.entries())
      server.node.slivers.stored.set(keyOf(blobId(1), primary(pair)), new Uint8Array(length).fill(pair + 1))
  }
  const fetchAll = async (...pairs: number[]): Promise<number> => {
    let bytes = 0
    const items = pairs.map(pair => ({ blobId: blobId(1), ref: primary(pair) }))
    for await (const sliver of reader.client.fetch(server.address, items)) bytes += sliver.bytes!.length
    return bytes
  }
  const upload = (length: number) => {
    const metadata = metadataOf(blobId(2), length)
    const header = { metadata, persistence: { kind: 'permanent' as const }, registerDigest: '' }
    return reader.client.store(server.address, { header, sliver: ref => sliverBytes(metadata, ref) })
  }
  /** How many seconds it took on the line's clock. */
  const secondsOf = async (work: Promise<unknown>): Promise<number> => {
    const start = clock.monotonic()
    await clock.advanceUntil(work, 1)
    return (clock.monotonic() - start) / 1_000
  }

  it('send no faster than that', async () => {
    server = await peers.server({ bandwidth: limited({ upBytesPerSecond: 512 * KIB }) })
    reader = await peers.client()
    store(1_024 * KIB)
    const seconds = await secondsOf(fetchAll(0))
    assert.ok(seconds >= 1.9, `${seconds}`)
  })

  it('take in no faster than that, at the end that asked as well', async () => {
    server = await peers.server()
    reader = await peers.client({ bandwidth: limited({ peerDownBytesPerSecond: 512 * KIB }) })
    store(1_024 * KIB)
    const seconds = await secondsOf(fetchAll(0))
    assert.ok(seconds >= 1.9, `${seconds}`)
  })

  it('take uploads in no faster than that', async () => {
    server = await peers.server({ bandwidth: limited({ downBytesPerSecond: 512 * KIB }) })
    reader = await peers.client()
    let sent = 0
    const seconds = await secondsOf(upload(1_500_000).then(({ sentBytes }) => (sent = sentBytes)))
    assert.ok(sent > 600 * KIB)
    assert.ok(seconds >= (0.95 * sent) / (512 * KIB), `${seconds}, ${sent} bytes`)
  })

  it('count all that moves, both ways', async () => {
    server = await peers.server({ bandwidth: limited({}) })
    reader = await peers.client()
    store(500 * KIB)
    await fetchAll(0)
    const { bytes } = bandwidth.month()
    assert.ok(bytes >= 500 * KIB && bytes < 500 * KIB + OVERHEAD_BYTES, `${bytes}`)
    const { sentBytes } = await upload(100_000)
    const more = bandwidth.month().bytes - bytes
    assert.ok(more >= sentBytes && more < sentBytes + OVERHEAD_BYTES, `${more}`)
  })

  describe('when the month is used up', () => {
    beforeEach(async () => {
      server = await peers.server({ bandwidth: limited({ bytesPerMonth: 1_000 }, 1_000) })
      reader = await peers.client()
    })
    const overCap = { code: 'OVER_CAP', remote: true, retryAfterMs: 3_600_000 }

    it('refuse reads, until it ends', async () => {
      store(257 * KIB, 300 * KIB)
      await assert.rejects(fetchAll(0), overCap)
      await clock.advance(3_600_000)
      assert.equal(await fetchAll(0), 257 * KIB)
    })

    it('give small answers, not many of them at once', async () => {
      store(200 * KIB, 56 * KIB, 1)
      assert.equal(await fetchAll(0, 1), 256 * KIB)
      await assert.rejects(fetchAll(0, 1, 2), overCap)
    })

    it('give one address no more small answers than a few', async () => {
      store(200 * KIB, 56 * KIB, 1)
      for (let i = 0; i < 4; i++) await fetchAll(0, 1)
      await assert.rejects(fetchAll(2), { ...overCap, retryAfterMs: 1 })
    })

    it('give members small answers when strangers have used up what all of them may have', async () => {
      const member = await peers.client()
      const { peerId } = member.libp2p
      server = await peers.server({ bandwidth, isMember: peer => peer === peerId.toString() })
      store(1)
      for (let i = 0; i < 64; i++) bandwidth.small({ peer: `${i}` }, 256 * KIB)
      await assert.rejects(fetchAll(0), { ...overCap, retryAfterMs: 1 })
      reader = member
      assert.equal(await fetchAll(0), 1)
    })

    it('count metadata among small answers', async () => {
      const metadata = metadataOf(blobId(2), 1)
      server.node.status.metadata = async () => metadata
      for (let i = 0; i < 4; i++) bandwidth.small({ peer: '127.0.0.1' }, 256 * KIB)
      await assert.rejects(reader.client.metadata(server.address, blobId(2)), {
        ...overCap,
        retryAfterMs: 157,
      })
    })

    it('take uploads and sign for them', async () => {
      const { confirmation } = await upload(1_500_000)
      assert.equal(confirmation.signature.length, 96)
    })
  })

  it('leave half of the transfers to others, however many PeerIds one address has', async () => {
    server = await peers.server({ bandwidth: limited({ upBytesPerSecond: 256 * KIB }) })
    store(300 * KIB)
    const gate = Promise.withResolvers<void>()
    let reading = Promise.withResolvers<void>()
    holdReads(server, gate.promise, () => reading.resolve())
    const running: Promise<number>[] = []
    for (let i = 0; i < 2; i++) {
      reading = Promise.withResolvers<void>()
      reader = await peers.client()
      running.push(fetchAll(0))
      await clock.advanceUntil(reading.promise, 1)
    }
    reading = Promise.withResolvers<void>()
    reader = await peers.client()
    const refused = assert.rejects(fetchAll(0), { code: 'BUSY', remote: true })
    const begun = reading.promise.then(() => assert.fail('a third one has begun'))
    await clock.advanceUntil(Promise.race([refused, begun]), 1).finally(gate.resolve)
    await clock.advanceUntil(Promise.all(running), 1)
  })

  it('answer busy rather than so slowly that the reader gives up', async () => {
    server = await peers.server({ bandwidth: limited({ upBytesPerSecond: 64 * KIB }) })
    reader = await peers.client()
    store(300 * KIB, 1)
    const { slivers } = server.node
    const { open } = slivers
    const reading = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    holdReads(server, gate.promise, () => reading.resolve())
    const running = fetchAll(0)
    await clock.advanceUntil(reading.promise, 1)
    slivers.open = open
    const busy = { code: 'BUSY', remote: true, retryAfterMs: 2_000 }
    await clock.advanceUntil(assert.rejects(fetchAll(0), busy), 1)
    await clock.advanceUntil(fetchAll(1), 1)
    gate.resolve()
    await clock.advanceUntil(running, 1)
    await clock.advanceUntil(fetchAll(0), 1)
  })
})
